import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cellOf } from '../domain/cells.ts';
import { distanceBetween } from '../domain/fares.ts';
import type { Place, Position } from '../domain/ride.ts';
import { openRideStores, type RideStores } from '../testing/stores.ts';
import { openRides, openSql } from './open.ts';
import { pageSql } from './rides.ts';

/** Open rides near a position, among 100,000 over the earth, half of them in one city. */

let stores: RideStores;
let places: Place[];
const raider = randomUUID();

/** Numbers from 0 to 1, the same in each run. */
function randomNumbers(seed: number) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
const random = randomNumbers(7);
const between = (from: number, to: number) => from + random() * (to - from);
/** Near a point where degrees of longitude are short, where they end, and where the rows end. */
const centers: readonly Position[] = [
  { latitude: 52.52, longitude: 13.4 },
  { latitude: 0, longitude: 0 },
  { latitude: -17.5, longitude: 179.99 },
  { latitude: 78.2, longitude: -179.999 },
  { latitude: 89.9, longitude: 40 },
  { latitude: -90, longitude: 0 },
  { latitude: 48.15, longitude: 11.6 },
  // Beside the city.
  { latitude: 48.08, longitude: 11.6 },
];

beforeAll(async () => {
  stores = await openRideStores();
  const around = ({ latitude, longitude }: Position): Place => ({
    latitude: Math.max(-90, Math.min(90, latitude + between(-0.6, 0.6))),
    longitude: ((longitude + between(-2, 2) + 540) % 360) - 180,
    address: '',
  });
  const city = (): Place => ({ latitude: between(48.1, 48.2), longitude: between(11.5, 11.65), address: '' });
  places = [
    ...centers.flatMap((one) => Array.from({ length: 500 }, () => around(one))),
    ...Array.from({ length: 46_500 }, () => ({
      latitude: between(-90, 90),
      longitude: between(-180, 180),
      address: '',
    })),
    ...Array.from({ length: 50_000 }, city),
  ];
  await stores.pool.query(
    `INSERT INTO ride.rides (id, user_id, pickup_latitude, pickup_longitude, pickup_address, dropoff_latitude,
       dropoff_longitude, dropoff_address, cell, distance_meters, currency_code, estimated_fare, expires_at)
     SELECT gen_random_uuid(), gen_random_uuid(), latitude, longitude, '', 0, 0, '', cell, 0, 'EUR', 3, now() + interval '1 day'
     FROM unnest($1::float8[], $2::float8[], $3::int[]) AS p (latitude, longitude, cell)`,
    [places.map(({ latitude }) => latitude), places.map(({ longitude }) => longitude), places.map(cellOf)],
  );
  // Rides of the past are many more than the open ones.
  await stores.pool.query(
    `INSERT INTO ride.rides (id, user_id, raider_id, state, pickup_address, dropoff_address, cell, distance_meters,
       currency_code, estimated_fare, expires_at)
     SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'completed', '', '', n, 0, 'EUR', 3, now()
     FROM generate_series(1, 100000) n`,
  );
  await stores.pool.query('VACUUM ANALYZE ride.rides');
}, 120_000);
afterAll(() => stores.close());

test.each(centers.flatMap((center) => [1_000, 5_000, 50_000].map((radius) => [center, radius] as const)))(
  'around %j within %d m: the nearest, by the haversine formula',
  async (center, radius) => {
    const expected = places
      .map((place) => distanceBetween(center, place))
      .filter((meters) => meters <= radius)
      .toSorted((a, b) => a - b)
      .slice(0, openRides);
    const found = await stores.rides.open(center, radius, raider);
    const meters = found.map(({ pickup }) => distanceBetween(center, pickup!));
    expect(meters.map(Math.round)).toEqual(expected.map(Math.round));
  },
);

async function planOf({ text, values }: { readonly text: string; readonly values: unknown[] }, options = '') {
  const { rows } = await stores.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${options} ${text}`, values);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

test('the candidates come from the index of open rides', async () => {
  const statement = openSql(centers[0]!, 50_000, raider);
  for (const plan of [await planOf(statement), await planOf({ text: statement.text, values: [] }, '(GENERIC_PLAN)')]) {
    expect(plan).toContain('rides_open');
    expect(plan).not.toContain('Seq Scan');
  }
});

test.each([
  { partyId: raider },
  { partyId: raider, state: 'completed' },
  { userId: raider },
  { raiderId: raider, state: 'completed' },
  { state: 'completed' },
  {},
] as const)('a page of %j is read without a sequential scan and without a sort of all rows', async (filter) => {
  for (const after of [undefined, [randomUUID()]]) {
    const plan = await planOf(pageSql(filter, { take: 21, after }));
    expect(plan).not.toContain('Seq Scan');
  }
});

test('a ride that expires is looked for by its index', async () => {
  const plan = await planOf({
    text: `SELECT id FROM ride.rides WHERE state = 'requested' AND expires_at <= now() ORDER BY expires_at LIMIT 500`,
    values: [],
  });
  expect(plan).toContain('rides_expiring');
});

test('the own bookings, and those that have expired, are not open', async () => {
  const here = { latitude: 10, longitude: 20, address: 'Here' };
  const own = await stores.booked({ userId: raider, pickup: here });
  const other = await stores.booked({ pickup: here });
  const late = await stores.booked({ pickup: here });
  await stores.pool.query("UPDATE ride.rides SET expires_at = now() - interval '1 second' WHERE id = $1", [late]);
  const found = await stores.rides.open(here, 1, raider);
  expect(found.map(({ id }) => id)).toContain(other);
  expect(found.map(({ id }) => id)).not.toContain(own);
  expect(found.map(({ id }) => id)).not.toContain(late);
  expect(await stores.rides.accept(late, raider)).toBeUndefined();
  await stores.rides.expire();
  expect(await stores.rides.find(late)).toMatchObject({ state: 'expired' });
  expect(await stores.rides.find(other)).toMatchObject({ state: 'requested' });
});
