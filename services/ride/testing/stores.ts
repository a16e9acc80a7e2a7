import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { Attempt, FareStore } from '../domain/charging.ts';
import type { Position } from '../domain/ride.ts';
import type { NewRide } from '../domain/rides.ts';
import { createRecordRides, type RecordRides } from '../store/events.ts';
import { createFareStore } from '../store/fares.ts';
import { createRideStore } from '../store/rides.ts';

/** The stores of rides, in a database of the test. */
export interface RideStores {
  readonly db: Transactional;
  readonly pool: Database['pool'];
  readonly record: RecordRides;
  readonly rides: ReturnType<typeof createRideStore>;
  readonly fares: FareStore;
  /** Jobs that were added, with their delay, ms. */
  readonly scheduled: (readonly [Attempt, number | undefined])[];
  /** Inserts a ride and returns its id. */
  booked(ride?: Partial<NewRide>): Promise<string>;
  close(): Promise<void>;
}

const center: Position = { latitude: 52.52, longitude: 13.4 };

/** Opens the stores. @param expiry time after which a ride expires, ms */
export async function openRideStores(expiry = 300_000): Promise<RideStores> {
  const fresh: FreshDatabase = await freshDatabase();
  const database = openDatabase({ url: fresh.url, applicationName: 'ride-test', log: silentLog });
  const db = database.statements;
  const record = createRecordRides();
  const scheduled: (readonly [Attempt, number | undefined])[] = [];
  const schedule = async (_: unknown, attempt: Attempt, after?: number) => scheduled.push([attempt, after]);
  const rides = createRideStore({ db, record, schedule, expiry });
  return {
    db,
    pool: database.pool,
    record,
    rides,
    fares: createFareStore(db, schedule),
    scheduled,
    async booked(ride = {}) {
      const id = uuidv7();
      await rides.book({
        id,
        userId: randomUUID(),
        pickup: { ...center, address: 'Here' },
        dropoff: { ...center, address: 'There' },
        distanceMeters: 1_000,
        estimatedFare: { currencyCode: 'EUR', units: 3n, nanos: 0 },
        paymentMethod: '',
        ...ride,
      });
      return id;
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}
