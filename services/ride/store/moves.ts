import type { Prisma } from '#gen/prisma/ride/client.ts';
import type { Ride } from '../domain/ride.ts';
import type { RecordRides } from './events.ts';
import { changedChannel, rideColumns, type RideRow, toRide } from './rows.ts';

/**
 * Changes rides, notifies their watchers and records the events of their new states, in a transaction.
 * @param update an UPDATE of `ride.rides AS r` without RETURNING
 */
export async function moveRides(
  tx: Prisma.TransactionClient,
  record: RecordRides,
  update: Prisma.Sql,
): Promise<Ride[]> {
  const rides = await changeRides(tx, update);
  await record(tx, ...rides);
  return rides;
}

/** Changes rides and notifies their watchers. @param update as for `moveRides` */
export async function changeRides(
  db: Pick<Prisma.TransactionClient, '$queryRaw'>,
  update: Prisma.Sql,
): Promise<Ride[]> {
  const rows = await db.$queryRaw<RideRow[]>`
    WITH r AS (${update} RETURNING r.*)
    SELECT ${rideColumns} FROM r, pg_notify(${changedChannel}, r.id::text)`;
  return rows.map(toRide);
}
