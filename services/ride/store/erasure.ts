import { type PrismaClient, Prisma } from '#gen/prisma/ride/client.ts';
import type { RecordRides } from './events.ts';
import { moveRides } from './moves.ts';

/** Rides that one statement anonymizes. */
const batch = 1_000;

/**
 * Cancels the rides of deleted accounts that have not ended, in the transaction that writes their tombstones. The events
 * name only the parties that remain.
 */
export async function cancelRides(
  tx: Prisma.TransactionClient,
  record: RecordRides,
  accountIds: readonly string[],
): Promise<void> {
  const remaining = (id: string | undefined) => (id === undefined || accountIds.includes(id) ? undefined : id);
  const ids = Prisma.sql`ANY(${[...accountIds]}::uuid[])`;
  await moveRides(
    tx,
    (_, ...rides) =>
      record(
        tx,
        ...rides.map((ride) => ({ ...ride, userId: remaining(ride.userId), raiderId: remaining(ride.raiderId) })),
      ),
    Prisma.sql`UPDATE ride.rides AS r SET state = 'cancelled',
        cancelled_by = CASE WHEN user_id = ${ids} THEN 'user' ELSE 'raider' END
      WHERE (user_id = ${ids} OR raider_id = ${ids}) AND state IN ('requested', 'accepted', 'started')`,
  );
}

/**
 * Removes what identifies a deleted account from its rides, in batches. Rides keep states, times, distance and amounts, and
 * those that it accepted keep the places of the other party.
 */
export async function anonymize(db: PrismaClient, accountId: string, signal: AbortSignal): Promise<void> {
  const position = Prisma.sql`position_latitude = NULL, position_longitude = NULL`;
  const asUser = Prisma.sql`
    user_id = NULL, payment_method = '', ${position},
    pickup_latitude = NULL, pickup_longitude = NULL, pickup_address = '', cell = 0,
    dropoff_latitude = NULL, dropoff_longitude = NULL, dropoff_address = '',
    cancel_reason = CASE WHEN cancelled_by = 'user' THEN '' ELSE cancel_reason END`;
  const asRaider = Prisma.sql`
    raider_id = NULL, ${position},
    cancel_reason = CASE WHEN cancelled_by = 'raider' THEN '' ELSE cancel_reason END`;
  for (const [set, party] of [
    [asUser, Prisma.sql`user_id`],
    [asRaider, Prisma.sql`raider_id`],
  ] as const) {
    let changed = batch;
    while (changed === batch && !signal.aborted) {
      changed = await db.$executeRaw`
        UPDATE ride.rides SET ${set}
        WHERE id IN (SELECT id FROM ride.rides WHERE ${party} = ${accountId}::uuid LIMIT ${batch})`;
    }
  }
}
