import { sql } from '#kit/store/sql.ts';
import { every, type Work } from '#kit/work/work.ts';
import { tableOf } from './tables.ts';
import type { Statements } from '#kit/store/statements.ts';

/** Most events that one statement deletes: it must not hold their locks for long. */
const batch = 1_000;

/** Interval between two runs, ms. */
const pruneEvery = 600_000;

/**
 * Deletes a producer's events that were recorded longer ago than `keep`, oldest position first, in batches. The events
 * that stay have no gap: an event that is young enough keeps all behind it. The newest event always stays, so that the
 * cursor of a consumer that is up to date can be compared with it. Replicas may prune at the same time.
 * @param keep ms
 * @returns how many it deleted
 */
export async function prune(
  db: Statements,
  schema: string,
  keep: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const [events, head] = [tableOf(schema, 'events'), tableOf(schema, 'event_head')];
  let total = 0;
  while (!signal.aborted) {
    const count = await db.$executeRaw(sql`
      WITH oldest AS MATERIALIZED (
        SELECT position, at < now() - ${keep}::float8 * interval '1 millisecond' AS old
        FROM ${events} WHERE position IS NOT NULL ORDER BY position LIMIT ${batch}
      )
      DELETE FROM ${events} WHERE position <= (SELECT max(position) FROM oldest)
        AND position < coalesce((SELECT min(position) FROM oldest WHERE NOT old), 9223372036854775807)
        AND position < (SELECT position FROM ${head} WHERE one)`);
    total += count;
    if (count < batch) break;
  }
  return total;
}

/**
 * Work that prunes a producer's events every ten minutes.
 * @param keep ms
 */
export function pruning(db: Statements, schema: string, keep: number): Work {
  return every('delete old events', pruneEvery, async (signal) => void (await prune(db, schema, keep, signal)));
}
