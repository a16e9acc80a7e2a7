import { type Sql, sql } from '#kit/store/sql.ts';
import { every, type Work } from '#kit/work/work.ts';
import { channelsOf, tableOf } from './tables.ts';
import type { Statements } from '#kit/store/statements.ts';

/** Most rows that one statement numbers. */
const batch = 1_000;

/** A table whose committed rows are numbered, and the row that has the last number. */
export interface Sequence {
  /** The table, with a column `n`, the order of insertion, and a column `id`. */
  readonly rows: Sql;
  /** Column of the number, null until the row has one. It needs an index on `n` of the rows without a number. */
  readonly number: Sql;
  readonly head: Sql;
  /** Boolean column of the head that is its primary key: without it the planner may scan the table. */
  readonly isHead: Sql;
  /** Column of the last number at the head. */
  readonly last: Sql;
  /** Column of the last row's id at the head, if it has one. */
  readonly lastId?: Sql;
  /** Channel on which the processes that read the rows are notified. */
  readonly numbered: string;
}

/**
 * The sequence of a producer's events.
 * @throws Error where the schema is not a plain name of at most 40 characters
 */
export function eventSequence(schema: string): Sequence {
  return {
    rows: tableOf(schema, 'events'),
    number: sql`position`,
    head: tableOf(schema, 'event_head'),
    isHead: sql`one`,
    last: sql`position`,
    numbered: channelsOf(schema).numbered,
  };
}

/**
 * Creates the function that numbers the committed rows of a table, without gaps and in the order of their insertion
 * (`n`). Any number of replicas may run it at once. It returns how many rows it numbered, and notifies the replicas.
 *
 * A reader that remembers the highest `n` loses the rows of a transaction that commits late, and a reader that orders by
 * transaction id gets the events about one thing out of order. The statement numbers committed rows only, under the lock
 * of the head row. A statement that waited for that lock has an older snapshot, so `FOR UPDATE OF e` checks each row
 * again and skips the rows that have a number by then. Every statement locks the head before it locks a row, so no two
 * wait for each other. The condition that the number is null lets the planner use the partial index; without it it may
 * scan the table.
 * @param limit most rows of one run
 */
export function createSequencer(db: Statements, sequence: Sequence, limit: number = batch): () => Promise<number> {
  const { rows, number, head, isHead, last, lastId, numbered } = sequence;
  const setId = lastId ? sql`, ${lastId} = newest.id` : sql``;
  return async () => {
    const [done] = await db.$queryRaw<{ count: number }[]>(sql`
      WITH head AS MATERIALIZED (
        SELECT h.${last} AS last FROM ${head} h WHERE h.${isHead} AND EXISTS (SELECT FROM ${rows} WHERE ${number} IS NULL)
        FOR UPDATE
      ), fresh AS MATERIALIZED (
        SELECT e.n, head.last FROM head CROSS JOIN ${rows} e
        WHERE e.${number} IS NULL ORDER BY e.n LIMIT ${limit} FOR UPDATE OF e
      ), placed AS (
        SELECT n, last + row_number() OVER (ORDER BY n) AS number FROM fresh
      ), numbered AS (
        UPDATE ${rows} e SET ${number} = placed.number FROM placed
        WHERE e.n = placed.n AND e.${number} IS NULL RETURNING placed.number, e.id
      ), newest AS (
        SELECT number, id FROM numbered ORDER BY number DESC LIMIT 1
      ), moved AS (
        UPDATE ${head} h SET ${last} = newest.number${setId} FROM newest
        WHERE h.${isHead} RETURNING pg_notify(${numbered}, '')::text
      )
      SELECT count(*)::int AS count FROM numbered WHERE EXISTS (SELECT FROM moved)`);
    return done?.count ?? 0;
  };
}

/**
 * Work that numbers rows until none is left. Wake it when a row was written.
 * @param period interval between two runs without that, ms: for the rows of a process that was killed
 * @param onNumbered called after each run that numbered rows
 */
export function numbering(name: string, period: number, number: () => Promise<number>, onNumbered: () => void): Work {
  return every(name, period, async (signal) => {
    for (let count = batch; count === batch && !signal.aborted;) {
      count = await number();
      if (count > 0) onNumbered();
    }
  });
}
