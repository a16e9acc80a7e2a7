import { moveFromAny } from '#kit/store/move.ts';
import { raw, sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { states } from '../domain/ride.ts';
import type { RecordRides } from './events.ts';
import { moveRides } from './moves.ts';

const cancelling = moveFromAny(states, 'cancelled');

/** Rides that one transaction cancels or anonymizes. */
const batch = 500;

/** Returns the statement of an account's rides as one of the parties. */
const ridesOf = (party: 'user_id' | 'raider_id', accountId: string, condition = sql`true`) => sql`
  SELECT id FROM ride.rides WHERE ${raw(party)} = ${accountId}::uuid AND ${condition} LIMIT ${batch}`;

/**
 * Cancels the rides of a deleted account that have not ended, then removes what identifies it from all of its rides, in
 * batches. Rides keep states, times, distance and amounts, and those that it accepted keep the places of the other party. Its
 * tombstone is written, so it has no new rides. Idempotent.
 */
export async function eraseRides(
  { db, record }: { readonly db: Transactional; readonly record: RecordRides },
  accountId: string,
  signal: AbortSignal,
): Promise<void> {
  for (const party of ['user_id', 'raider_id'] as const) {
    await inBatches(signal, () => cancel(db, record, party, accountId));
    await inBatches(
      signal,
      () => db.$executeRaw`
        UPDATE ride.rides SET ${anonymous[party]}, position_latitude = NULL, position_longitude = NULL, position_at = NULL
        WHERE id IN (${ridesOf(party, accountId)})`,
    );
  }
}

/** Cancels some rides, and returns how many. The events do not name the account. */
function cancel(db: Transactional, record: RecordRides, party: 'user_id' | 'raider_id', accountId: string) {
  const isUser = party === 'user_id';
  return db.$transaction(async (tx) => {
    const rides = await moveRides(
      tx,
      (_, ...moved) =>
        record(
          tx,
          ...moved.map((ride) => ({ ...ride, ...(isUser ? { userId: undefined } : { raiderId: undefined }) })),
        ),
      sql`UPDATE ride.rides AS r SET ${cancelling.set}, cancelled_by = ${isUser ? 'user' : 'raider'}
        WHERE ${cancelling.where} AND id IN (${ridesOf(party, accountId, cancelling.where)})`,
    );
    return rides.length;
  });
}

async function inBatches(signal: AbortSignal, change: () => PromiseLike<number>): Promise<void> {
  let changed = batch;
  while (changed === batch && !signal.aborted) changed = await change();
}

/** What is removed of a ride with its user, and with its raider. */
const anonymous = {
  user_id: sql`user_id = NULL, payment_method = '', cell = 0,
    pickup_latitude = NULL, pickup_longitude = NULL, pickup_address = '',
    dropoff_latitude = NULL, dropoff_longitude = NULL, dropoff_address = '',
    cancel_reason = CASE WHEN cancelled_by = 'user' THEN '' ELSE cancel_reason END`,
  raider_id: sql`raider_id = NULL,
    cancel_reason = CASE WHEN cancelled_by = 'raider' THEN '' ELSE cancel_reason END`,
} as const;
