import { reasonOf } from '#kit/errors/failure.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { adopt, findCursor } from './cursor.ts';
import { createLogReader } from './log-page.ts';
import { createSequencer, eventSequence } from './sequencer.ts';
import { tableOf } from './tables.ts';

/** A consumer's cursor that was moved. */
export interface Moved {
  /** The position up to which the consumer had applied events. */
  readonly from: bigint;
  /** The position behind which it goes on. */
  readonly to: bigint;
}

/**
 * Moves the cursor of a consumer that has applied events which the producer's log lost in a restore: to the last event
 * that was recorded before the time of the restored state, so that what was recorded since the restore is applied.
 * @param to the database of the consumer, and that of the producer
 * @param at the time of the restored state
 * @returns undefined where the log goes on at the cursor, has deleted what comes next, or was never followed
 */
export async function adoptRestored(
  to: { readonly consumer: Statements; readonly source: Statements },
  consumer: string,
  source: string,
  at: Date,
): Promise<Moved | undefined> {
  // Not every service is in use everywhere.
  const [hasCursors] = await to.consumer.$queryRaw<object[]>(
    sql`SELECT FROM pg_tables WHERE schemaname = ${consumer} AND tablename = 'event_cursors'`,
  );
  const cursor = hasCursors && (await findCursor(to.consumer, consumer, source));
  if (!cursor) return undefined;
  try {
    await createLogReader(to.source, source)(cursor, []);
    return undefined;
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === 'EVENTS_GONE') return undefined;
    if (reason !== 'EVENT_HISTORY') throw error;
  }
  // Events that had no position yet in the restored state: the consumer has applied them.
  await createSequencer(to.source, eventSequence(source))();
  const events = tableOf(source, 'events');
  // Backwards by the index on the position. Without an event of that time, before the oldest one that is kept.
  // Not past the cursor: where the history was changed by hand, the consumer may not have applied what is behind it.
  const [last] = await to.source.$queryRaw<{ position: bigint }[]>(sql`
    SELECT least(${cursor.position}::bigint, coalesce(
      (SELECT position FROM ${events} WHERE position > 0 AND at <= ${at} ORDER BY position DESC LIMIT 1),
      (SELECT min(position) - 1 FROM ${events}),
      0)) AS position`);
  const position = last?.position ?? 0n;
  await adopt(to.consumer, consumer, source, position);
  return { from: cursor.position, to: position };
}
