import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Charges, createCharging, nextAttemptIn } from '../domain/charging.ts';
import { openRideStores, type RideStores } from '../testing/stores.ts';
import { anonymize, cancelRides } from './erasure.ts';

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
  const charge = createCharging({
    store: stores.fares,
    charges: {
      async charge(fare) {
        made.push(fare);
        return 'declined';
      },
    },
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
  const charges: Charges = { charge: async () => outcomes[made++] ?? 'declined' };
  const charge = createCharging({ store: stores.fares, charges });
  for (const attempt of [1, 2, 2, 3]) await charge({ rideId: id, attempt });
  expect(await stateOf(id)).toBe('paid');
  expect(made).toBe(2);
});

test('an attempt whose outcome is unknown changes nothing and fails, so that its job is repeated', async () => {
  const { id } = await completed();
  const charges: Charges = { charge: () => Promise.reject(new Error('unknown')) };
  await expect(createCharging({ store: stores.fares, charges })({ rideId: id, attempt: 1 })).rejects.toThrow('unknown');
  expect(await stateOf(id)).toBe('pending');
  expect(jobsOf(id)).toHaveLength(1);
});

test('50 outcomes of one attempt at once add one job', async () => {
  const { id } = await completed();
  await Promise.all(Array.from({ length: 50 }, () => stores.fares.declined({ rideId: id, attempt: 1 }, hours(1))));
  expect(jobsOf(id)).toHaveLength(2);
});

test('the fare of an erased account is not charged and stays unpaid', async () => {
  const { id, userId } = await completed();
  await anonymize(stores.db, userId, new AbortController().signal);
  const charges: Charges = { charge: () => Promise.reject(new Error('charged')) };
  await createCharging({ store: stores.fares, charges })({ rideId: id, attempt: 1 });
  expect(await stateOf(id)).toBe('unpaid');
  expect(jobsOf(id)).toHaveLength(1);
});

test('an erasure cancels the rides that have not ended, and leaves of the others what names no person', async () => {
  const { id, userId, raiderId } = await completed();
  const open = await stores.booked({ userId });
  const accepted = await stores.booked();
  await stores.rides.accept(accepted, userId);
  const before = await stores.rides.find(id);
  await stores.db.$transaction((tx) => cancelRides(tx, stores.record, [userId]));
  expect(await stores.rides.find(open)).toMatchObject({ state: 'cancelled', cancelledBy: 'user' });
  expect(await stores.rides.find(accepted)).toMatchObject({ state: 'cancelled', cancelledBy: 'raider' });
  for (let time = 0; time < 2; time++) await anonymize(stores.db, userId, new AbortController().signal);
  const nothing = { userId: undefined, pickup: undefined, dropoff: undefined, position: undefined };
  expect(await stores.rides.find(id)).toEqual({ ...before, ...nothing });
  expect(await stores.rides.find(accepted)).toMatchObject({ raiderId: undefined, pickup: { address: 'Here' } });
  await anonymize(stores.db, raiderId, new AbortController().signal);
  expect(await stores.rides.find(id)).toEqual({ ...before, ...nothing, raiderId: undefined });
  const { rows } = await stores.pool.query(`SELECT * FROM ride.rides WHERE id = ANY($1)`, [[id, open, accepted]]);
  expect(JSON.stringify(rows)).not.toContain(userId);
});

test('a booking and an erasure of its account at once leave no open ride', async () => {
  for (let round = 0; round < 20; round++) {
    const userId = randomUUID();
    const [id] = await Promise.all([
      stores.booked({ userId }),
      stores.db.$transaction(async (tx) => {
        await tx.$executeRaw`INSERT INTO ride.owners (user_id, erased_at) VALUES (${userId}::uuid, now())
          ON CONFLICT (user_id) DO UPDATE SET erased_at = now()`;
        await cancelRides(tx, stores.record, [userId]);
      }),
    ]);
    expect(['cancelled', undefined]).toContain((await stores.rides.find(id))?.state);
  }
});

test('more rides than one batch are anonymized', async () => {
  const userId = randomUUID();
  await stores.pool.query(
    `INSERT INTO ride.rides (id, user_id, state, pickup_address, dropoff_address, cell, distance_meters, currency_code,
       estimated_fare, expires_at)
     SELECT gen_random_uuid(), $1, 'expired', 'Here', '', 0, 0, 'EUR', 3, now() FROM generate_series(1, 2001)`,
    [userId],
  );
  await anonymize(stores.db, userId, new AbortController().signal);
  const { rows } = await stores.pool.query('SELECT FROM ride.rides WHERE user_id = $1', [userId]);
  expect(rows).toHaveLength(0);
});
