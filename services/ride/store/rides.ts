import { livingOwners } from '#kit/erasure/owners.ts';
import { formatMoney } from '#kit/money/money.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { type Move, move } from '#kit/store/move.ts';
import { join, type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { cellOf } from '../domain/cells.ts';
import type { Attempt } from '../domain/charging.ts';
import { cancellableStates, type Ride, states } from '../domain/ride.ts';
import type { RideFilter, RideStore } from '../domain/rides.ts';
import type { RecordRides } from './events.ts';
import { changeRides, moveRides } from './moves.ts';
import { openRides, openSql, radiiUpTo } from './open.ts';
import { rideColumns, type RideRow, toRide } from './rows.ts';

/** Ids are UUIDv7, so newest first is by descending id. */
const newestFirst = descending(['id', 'uuid']);
const accepting = move(states, 'requested', 'accepted');
const starting = move(states, 'accepted', 'started');
const completing = move(states, 'started', 'completed');
const expiring = move(states, 'requested', 'expired');

/** Interval in which a position is recorded once, s. */
const positionEvery = 1;

/** Rides that one transaction expires. */
const batch = 500;

/** Adds the job that makes an attempt to charge a fare, in a transaction. @param after ms; undefined for at once */
export type Schedule = (tx: Statements, attempt: Attempt, after?: number) => Promise<unknown>;

/**
 * Creates the store of rides in PostgreSQL. `book`, `accept` and the erasure lock the account's row first, which decides
 * whether it may be written.
 * @param options.expiry time after which a ride expires that was not accepted, ms
 */
export function createRideStore(options: {
  readonly db: Transactional;
  readonly record: RecordRides;
  readonly schedule: Schedule;
  readonly expiry: number;
}): RideStore & { expire(): Promise<void> } {
  const { db, record, schedule } = options;
  const expiry = options.expiry / 1_000;

  /** Moves a ride of its raider. */
  const moveOfRaider = (tx: Statements, id: string, raiderId: string, { set, where: from }: Move, more: Sql) =>
    moveRides(
      tx,
      record,
      sql`UPDATE ride.rides AS r SET ${set}, ${more}
        WHERE id = ${id}::uuid AND raider_id = ${raiderId}::uuid AND ${from}`,
    );

  async function rows(statement: Sql): Promise<Ride[]> {
    return (await db.$queryRaw<RideRow[]>(statement)).map(toRide);
  }

  return {
    book: ({ id, userId, pickup, dropoff, distanceMeters, estimatedFare, paymentMethod }) =>
      db.$transaction(async (tx) => {
        if (await isErased(tx, userId)) return 'erased';
        const booked = await tx.$queryRaw<RideRow[]>`
          INSERT INTO ride.rides AS r (
            id, user_id, pickup_latitude, pickup_longitude, pickup_address, dropoff_latitude, dropoff_longitude,
            dropoff_address, cell, distance_meters, currency_code, estimated_fare, payment_method, expires_at)
          VALUES (${id}::uuid, ${userId}::uuid, ${pickup.latitude}, ${pickup.longitude}, ${pickup.address},
            ${dropoff.latitude}, ${dropoff.longitude}, ${dropoff.address}, ${cellOf(pickup)}, ${distanceMeters},
            ${estimatedFare.currencyCode}, ${formatMoney(estimatedFare)}::numeric, ${paymentMethod},
            now() + make_interval(secs => ${expiry}))
          ON CONFLICT (id) DO NOTHING
          RETURNING ${rideColumns}`;
        await record(tx, ...booked.map(toRide));
        return undefined;
      }),
    accept: (id, raiderId) =>
      db.$transaction(async (tx) => {
        if (await isErased(tx, raiderId)) return 'erased';
        const [ride] = await moveRides(
          tx,
          record,
          sql`UPDATE ride.rides AS r SET ${accepting.set}, raider_id = ${raiderId}::uuid, accepted_at = now()
            WHERE id = ${id}::uuid AND ${accepting.where} AND expires_at > now() AND user_id <> ${raiderId}::uuid`,
        );
        return ride;
      }),
    start: (id, raiderId) =>
      db.$transaction(async (tx) => {
        const [ride] = await moveOfRaider(tx, id, raiderId, starting, sql`started_at = now()`);
        return ride;
      }),
    complete: (id, raiderId) =>
      db.$transaction(async (tx) => {
        const charged = sql`completed_at = now(), fare = estimated_fare, payment_state = 'pending', attempt = 1`;
        const [ride] = await moveOfRaider(tx, id, raiderId, completing, charged);
        if (ride) await schedule(tx, { rideId: ride.id, attempt: 1 });
        return ride;
      }),
    cancel: (id, accountId, reason) =>
      db.$transaction(async (tx) => {
        const [ride] = await moveRides(
          tx,
          record,
          sql`UPDATE ride.rides AS r SET state = 'cancelled', cancel_reason = ${reason},
              cancelled_by = CASE WHEN user_id = ${accountId}::uuid THEN 'user' ELSE 'raider' END
            WHERE id = ${id}::uuid AND state IN (${join([...cancellableStates])})
              AND (user_id = ${accountId}::uuid OR raider_id = ${accountId}::uuid)`,
        );
        return ride;
      }),
    async setPosition(id, raiderId, { latitude, longitude }) {
      const [ride] = await changeRides(
        db,
        sql`UPDATE ride.rides AS r SET
            position_latitude = ${latitude}, position_longitude = ${longitude}, position_at = now()
          WHERE id = ${id}::uuid AND raider_id = ${raiderId}::uuid AND state = 'started'
            AND (position_at IS NULL OR position_at <= now() - make_interval(secs => ${positionEvery}))`,
      );
      return ride !== undefined;
    },
    async find(id) {
      const [ride] = await rows(sql`SELECT ${rideColumns} FROM ride.rides AS r WHERE id = ${id}::uuid`);
      return ride;
    },
    page: (filter, query) => rows(pageSql(filter, query)),
    async open(center, radius, raiderId) {
      let found: readonly Ride[] = [];
      for (const within of radiiUpTo(radius)) {
        found = await rows(openSql(center, within, raiderId));
        if (found.length === openRides) break;
      }
      return found;
    },
    async expire() {
      let expired: readonly Ride[];
      do {
        expired = await db.$transaction((tx) =>
          moveRides(
            tx,
            record,
            sql`UPDATE ride.rides AS r SET ${expiring.set} FROM (
                SELECT id FROM ride.rides WHERE state = 'requested' AND expires_at <= now()
                ORDER BY expires_at LIMIT ${batch} FOR NO KEY UPDATE SKIP LOCKED
              ) AS due WHERE r.id = due.id`,
          ),
        );
      } while (expired.length === batch);
    },
  };
}

/**
 * Returns the statement of a page of rides. An account's rides are in two indexes, as those it booked and those it accepted;
 * each gives a page, of which the newest are taken.
 */
export function pageSql(
  { partyId, userId, raiderId, state }: RideFilter,
  { take, after }: Parameters<RideStore['page']>[1],
): Sql {
  const pageOf = (...party: (Sql | undefined)[]) => sql`
    SELECT * FROM ride.rides
    WHERE ${where([...party, state !== undefined && sql`state = ${state}`, keyset(newestFirst, after)])}
    ORDER BY ${newestFirst.by} LIMIT ${take}`;
  const pages =
    partyId === undefined
      ? pageOf(isUser(userId), isRaider(raiderId))
      : sql`(${pageOf(isUser(partyId))}) UNION ALL (${pageOf(isRaider(partyId))})`;
  return sql`SELECT ${rideColumns} FROM (${pages}) AS r ORDER BY ${newestFirst.by} LIMIT ${take}`;
}

function isUser(id: string | undefined): Sql | undefined {
  return id === undefined ? undefined : sql`user_id = ${id}::uuid`;
}

function isRaider(id: string | undefined): Sql | undefined {
  return id === undefined ? undefined : sql`raider_id = ${id}::uuid`;
}

/** Locks the row of an account until the transaction ends, and returns whether the account was erased. */
async function isErased(tx: Statements, accountId: string): Promise<boolean> {
  const [owner] = await tx.$queryRaw<object[]>(livingOwners('ride', [accountId]));
  return owner === undefined;
}
