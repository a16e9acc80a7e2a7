import type { Sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Ride } from '../domain/ride.ts';
import type { RecordRides } from './events.ts';
import { changedChannel, rideColumns, type RideRow, toRide } from './rows.ts';

/**
 * Changes rides, notifies their watchers and records the events of their new states, in a transaction.
 * @param update an UPDATE of `ride.rides AS r` without RETURNING
 */
export async function moveRides(tx: Statements, record: RecordRides, update: Sql): Promise<Ride[]> {
  const rides = await changeRides(tx, update);
  await record(tx, ...rides);
  return rides;
}

/** Changes rides and notifies their watchers. @param update as for `moveRides` */
export async function changeRides(db: Pick<Statements, '$queryRaw'>, update: Sql): Promise<Ride[]> {
  const rows = await db.$queryRaw<RideRow[]>`
    WITH r AS (${update} RETURNING r.*)
    SELECT ${rideColumns} FROM r, pg_notify(${changedChannel}, r.id::text)`;
  return rows.map(toRide);
}
