import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { limitOf, sweep, type SweepBatch } from '#kit/work/sweep.ts';
import { every, type Work } from '#kit/work/work.ts';
import { tableOf } from './tables.ts';

/** Interval between two runs, ms. */
const pruneEvery = 600_000;

/**
 * Deletes a producer's events that were recorded longer ago than `keep`, oldest position first, in batches. The events
 * that stay have no gap: an event that is young enough keeps all behind it. The newest event always stays, so that the
 * cursor of a consumer that is up to date can be compared with it. One replica prunes at a time.
 * @param keep ms
 * @returns how many it deleted
 */
export async function prune(db: Transactional, schema: string, keep: number, signal?: AbortSignal): Promise<number> {
  const [events, head] = [tableOf(schema, 'events'), tableOf(schema, 'event_head')];
  const batch: SweepBatch = (tx, limit) =>
    tx.$executeRaw(sql`
      WITH oldest AS MATERIALIZED (
        SELECT position, at < now() - ${keep}::float8 * interval '1 millisecond' AS old
        FROM ${events} WHERE position IS NOT NULL ORDER BY position LIMIT ${limitOf(limit)}
      )
      DELETE FROM ${events} WHERE position <= (SELECT max(position) FROM oldest)
        AND position < coalesce((SELECT min(position) FROM oldest WHERE NOT old), 9223372036854775807)
        AND position < (SELECT position FROM ${head} WHERE one)`);
  return sweep(db, `${schema} events`, batch, { signal });
}

/**
 * Work that prunes a producer's events every ten minutes.
 * @param keep ms
 */
export function pruning(db: Transactional, schema: string, keep: number): Work {
  return every('delete old events', pruneEvery, async (signal) => void (await prune(db, schema, keep, signal)));
}
