import { fromBinary } from '@bufbuild/protobuf';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RideCancelledSchema } from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import { type Charges, createCharging, nextAttemptIn } from '../domain/charging.ts';
import { openRideStores, type RideStores } from '../testing/stores.ts';
import { eraseRides } from './erasure.ts';

let stores: RideStores;
beforeAll(async () => {
  stores = await openRideStores();
});
afterAll(() => stores.close());

async function completed() {
  const [userId, raiderId] = [randomUUID(), randomUUID()];
  const id = await stores.booked({ userId, paymentMethod: 'pm_card_ok' });
  await stores.rides.accept(id, raiderId);
  await stores.rides.start(id, raiderId);
  await stores.rides.complete(id, raiderId);
  return { id, userId, raiderId };
}
const jobsOf = (id: string) => stores.scheduled.filter(([{ rideId }]) => rideId === id);
const stateOf = async (id: string) => (await stores.rides.find(id))?.paymentState;
const hours = (count: number) => count * 3_600_000;
const noSignal = new AbortController().signal;
const erase = (accountId: string) => eraseRides(stores, accountId, noSignal);

/** The payment service of a test: outcomes of charges in their order, and what is asked for after an erasure. */
function paymentWith(
  charge: Charges['charge'],
  outcome: Charges['outcome'] = () => Promise.reject(new Error('asked for an outcome')),
) {
  return createCharging({ store: stores.fares, charges: { charge, outcome } });
}

test('a completed ride has one job of its first attempt, also if 50 complete it at once', async () => {
  const raiderId = randomUUID();
  const id = await stores.booked();
  await stores.rides.accept(id, raiderId);
  await stores.rides.start(id, raiderId);
  const rides = await Promise.all(Array.from({ length: 50 }, () => stores.rides.complete(id, raiderId)));
  expect(rides.filter(Boolean)).toHaveLength(1);
  expect(jobsOf(id)).toEqual([[{ rideId: id, attempt: 1 }, undefined]]);
  expect(await stateOf(id)).toBe('pending');
});

test('a declined fare is tried again after an hour and then daily for a week, and stays unpaid', async () => {
  const { id, userId } = await completed();
  const made: unknown[] = [];
  const charge = paymentWith(async (fare) => {
    made.push(fare);
    return 'declined';
  });
  for (let attempt = 1; attempt <= 9; attempt++) {
    // Repeated, as a job of a killed process is.
    for (let time = 0; time < 2; time++) await charge({ rideId: id, attempt });
    expect(await stateOf(id)).toBe('unpaid');
  }
  expect(made).toEqual(
    Array.from({ length: 9 }, (_, index) => ({
      rideId: id,
      attempt: index + 1,
      charge: index + 1,
      userId,
      amount: { currencyCode: 'EUR', units: 3n, nanos: 0 },
      paymentMethod: 'pm_card_ok',
    })),
  );
  expect(jobsOf(id).map(([{ attempt }, after]) => [attempt, after])).toEqual([
    [1, undefined],
    [2, hours(1)],
    ...[3, 4, 5, 6, 7, 8, 9].map((attempt) => [attempt, hours(24)]),
  ]);
  expect(nextAttemptIn(9)).toBeUndefined();
});

test('a later attempt that succeeds makes the fare paid, and no further one is made', async () => {
  const { id } = await completed();
  const outcomes = ['declined', 'paid'] as const;
  let made = 0;
  const charge = paymentWith(async () => outcomes[made++] ?? 'declined');
  for (const attempt of [1, 2, 2, 3]) await charge({ rideId: id, attempt });
  expect(await stateOf(id)).toBe('paid');
  expect(made).toBe(2);
});

test('an attempt whose outcome is unknown changes nothing and fails, so that its job is repeated', async () => {
  const { id } = await completed();
  const charge = paymentWith(() => Promise.reject(new Error('unknown')));
  await expect(charge({ rideId: id, attempt: 1 })).rejects.toThrow('unknown');
  expect(await stateOf(id)).toBe('pending');
  expect(jobsOf(id)).toHaveLength(1);
});

test('50 outcomes of one attempt at once add one job', async () => {
  const { id } = await completed();
  await Promise.all(
    Array.from({ length: 50 }, () => stores.fares.failed({ rideId: id, attempt: 1 }, 'declined', hours(1))),
  );
  expect(jobsOf(id)).toHaveLength(2);
});

test('a fare whose payment method is refused is tried again as the same charge', async () => {
  const { id } = await completed();
  const outcomes = ['refused', 'declined', 'refused', 'paid'] as const;
  const made: number[] = [];
  const charge = paymentWith(async (fare) => outcomes[made.push(fare.charge) - 1] ?? 'declined');
  for (const attempt of [1, 2, 3, 4]) await charge({ rideId: id, attempt });
  expect(made).toEqual([1, 1, 2, 2]);
  expect(await stateOf(id)).toBe('paid');
});

test.each([
  ['was not charged is unpaid, and no further attempt is made', 'declined', 'unpaid'],
  ['was charged before the erasure is paid', 'paid', 'paid'],
] as const)('the fare of an erased account that %s', async (_, outcome, expected) => {
  const { id, userId } = await completed();
  await erase(userId);
  const charge = paymentWith(
    () => Promise.reject(new Error('charged')),
    async () => outcome,
  );
  await charge({ rideId: id, attempt: 1 });
  expect(await stateOf(id)).toBe(expected);
  expect(jobsOf(id)).toHaveLength(1);
});

test('an erasure cancels the rides that have not ended, and leaves of the others what names no person', async () => {
  const { id, userId, raiderId } = await completed();
  const open = await stores.booked({ userId });
  const accepted = await stores.booked();
  await stores.rides.accept(accepted, userId);
  const running = await stores.booked();
  await stores.rides.accept(running, userId);
  await stores.rides.start(running, userId);
  await stores.rides.setPosition(running, userId, { latitude: 1, longitude: 2 });
  const before = await stores.rides.find(id);
  for (let time = 0; time < 2; time++) await erase(userId);
  expect(await stores.rides.find(open)).toMatchObject({ state: 'cancelled', cancelledBy: 'user' });
  for (const one of [accepted, running]) {
    expect(await stores.rides.find(one)).toMatchObject({
      state: 'cancelled',
      cancelledBy: 'raider',
      raiderId: undefined,
      pickup: { address: 'Here' },
      position: undefined,
    });
  }
  const nothing = { userId: undefined, pickup: undefined, dropoff: undefined, position: undefined };
  expect(await stores.rides.find(id)).toEqual({ ...before, ...nothing });
  await erase(raiderId);
  expect(await stores.rides.find(id)).toEqual({ ...before, ...nothing, raiderId: undefined });
  const { rows } = await stores.pool.query('SELECT * FROM ride.rides WHERE id = ANY($1)', [
    [id, open, accepted, running],
  ]);
  expect(JSON.stringify(rows)).not.toContain(userId);
  expect(rows.every(({ position_at }) => position_at === null)).toBe(true);
});

test('the event of a cancellation by an erasure names the party that remains, and not the other', async () => {
  const [userId, raiderId] = [randomUUID(), randomUUID()];
  const id = await stores.booked({ userId });
  await stores.rides.accept(id, raiderId);
  await erase(raiderId);
  const { rows } = await stores.pool.query<{ data: Buffer }>(
    `SELECT data FROM ride.events WHERE subject = $1 AND type = 'ride.cancelled'`,
    [id],
  );
  expect(rows.map(({ data }) => fromBinary(RideCancelledSchema, data))).toMatchObject([
    { rideId: id, userId, raiderId: '', cancelledBy: 'raider' },
  ]);
});

test('a booking and an erasure of its account at once leave no open ride', async () => {
  for (let round = 0; round < 20; round++) {
    const userId = randomUUID();
    const [id] = await Promise.all([
      stores.booked({ userId }),
      stores.db.$executeRaw`INSERT INTO ride.owners (user_id, erased_at) VALUES (${userId}::uuid, now())
        ON CONFLICT (user_id) DO UPDATE SET erased_at = now()`,
    ]);
    // After the tombstone, as the confirmation of an erasure does it.
    await erase(userId);
    expect(['cancelled', undefined]).toContain((await stores.rides.find(id))?.state);
  }
});

test('more rides than one batch are cancelled and anonymized', async () => {
  const userId = randomUUID();
  await stores.pool.query(
    `INSERT INTO ride.rides (id, user_id, state, pickup_address, dropoff_address, cell, distance_meters, currency_code,
       estimated_fare, expires_at)
     SELECT gen_random_uuid(), $1, CASE WHEN n % 2 = 0 THEN 'requested' ELSE 'expired' END, 'Here', '', 0, 0, 'EUR', 3, now()
     FROM generate_series(1, 2002) n`,
    [userId],
  );
  await erase(userId);
  const { rows } = await stores.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ride.rides WHERE user_id = $1 OR (pickup_address = 'Here' AND pickup_latitude IS NULL)
     UNION ALL SELECT count(*)::int FROM ride.rides WHERE state = 'cancelled' AND distance_meters = 0`,
    [userId],
  );
  expect(rows.map(({ count }) => count)).toEqual([0, 1_001]);
});
