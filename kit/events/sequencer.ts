import { sql } from '#kit/store/sql.ts';
import { every, type Work } from '#kit/work/work.ts';
import { channelsOf, tableOf } from './tables.ts';
import type { Statements } from '#kit/store/statements.ts';

/** Most events that one statement numbers. */
const batch = 1_000;

/** Interval between two runs, in case a notification was lost, ms. */
const poll = 1_000;

/**
 * Creates the function that numbers a producer's committed events, without gaps and in the order of their insertion
 * (`n`). Any number of replicas may run it at once. It returns how many events it numbered, and notifies the replicas.
 *
 * A reader that remembers the highest `n` loses the rows of a transaction that commits late, and a reader that orders by
 * transaction id gets the events about one thing out of order. The statement numbers committed rows only, under the lock
 * of the head row. A statement that waited for that lock has an older snapshot, so `FOR UPDATE OF e` checks each row
 * again and skips the rows that have a position by then. Every statement locks the head before it locks an event, so no
 * two wait for each other. The conditions `position IS NULL` and `one` let the planner use the partial index and the
 * primary key; without them it may scan the table.
 * @param limit most events of one run
 */
export function createSequencer(db: Statements, schema: string, limit: number = batch): () => Promise<number> {
  const [events, head] = [tableOf(schema, 'events'), tableOf(schema, 'event_head')];
  const { numbered } = channelsOf(schema);
  return async () => {
    const [done] = await db.$queryRaw<{ count: number }[]>(sql`
      WITH head AS MATERIALIZED (
        SELECT position FROM ${head} WHERE one AND EXISTS (SELECT FROM ${events} WHERE position IS NULL) FOR UPDATE
      ), fresh AS MATERIALIZED (
        SELECT e.n, head.position AS base FROM head CROSS JOIN ${events} e
        WHERE e.position IS NULL ORDER BY e.n LIMIT ${limit} FOR UPDATE OF e
      ), placed AS (
        SELECT n, base + row_number() OVER (ORDER BY n) AS position FROM fresh
      ), numbered AS (
        UPDATE ${events} e SET position = placed.position FROM placed
        WHERE e.n = placed.n AND e.position IS NULL RETURNING e.position
      ), moved AS (
        UPDATE ${head} SET position = (SELECT max(position) FROM numbered)
        WHERE one AND EXISTS (SELECT FROM numbered) RETURNING pg_notify(${numbered}, '')::text
      )
      SELECT count(*)::int AS count FROM numbered WHERE EXISTS (SELECT FROM moved)`);
    return done?.count ?? 0;
  };
}

/**
 * Work that numbers events until none is left. Wake it when an event was recorded.
 * @param onNumbered called after each run that numbered events
 */
export function numbering(db: Statements, schema: string, onNumbered: () => void): Work {
  const number = createSequencer(db, schema);
  return every('number events', poll, async (signal) => {
    for (let count = batch; count === batch && !signal.aborted;) {
      count = await number();
      if (count > 0) onNumbered();
    }
  });
}
