import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { every, type Work } from '#kit/work/work.ts';
import { channelsOf, tableOf } from './tables.ts';

/** Most rows that one statement numbers. */
const batch = 1_000;

/** How far before the last numbered row a search begins that is not for everything. */
const reach = 10_000;

/**
 * Numbers committed rows. Returns how many.
 * @param everything whether to also look for rows that commit after more than 10,000 later ones. Default: yes
 */
export type Sequencer = (everything?: boolean) => Promise<number>;

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
 *
 * A numbered row leaves a dead entry in that index, which stays while an old snapshot is in use, such as that of a backup,
 * and which a search from the lowest `n` passes each time. A search that is not for everything begins shortly before the
 * last numbered row; the array keeps the update from passing the whole index.
 * @param limit most rows of one run
 */
export function createSequencer(db: Statements, sequence: Sequence, limit: number = batch): Sequencer {
  const { rows, number, head, isHead, last, lastId, numbered } = sequence;
  const setId = lastId ? sql`, ${lastId} = newest.id` : sql``;
  // Of no row where the last numbered one was deleted: the search is for everything then.
  const low = sql`coalesce((
    SELECT e.n - ${reach}::int FROM ${head} h JOIN ${rows} e ON e.${number} = h.${last} WHERE h.${isHead}
  ), 0)`;
  return async (everything = true) => {
    const isWithin = everything ? sql`` : sql`AND n > ${low}`;
    const [done] = await db.$queryRaw<{ count: number }[]>(sql`
      WITH head AS MATERIALIZED (
        SELECT h.${last} AS last FROM ${head} h
        WHERE h.${isHead} AND EXISTS (SELECT FROM ${rows} WHERE ${number} IS NULL ${isWithin})
        FOR UPDATE
      ), fresh AS MATERIALIZED (
        SELECT e.n, head.last FROM head CROSS JOIN ${rows} e
        WHERE e.${number} IS NULL ${isWithin} ORDER BY e.n LIMIT ${limit} FOR UPDATE OF e
      ), placed AS (
        SELECT n, last + row_number() OVER (ORDER BY n) AS number FROM fresh
      ), numbered AS (
        UPDATE ${rows} e SET ${number} = placed.number FROM placed
        WHERE e.n = placed.n AND e.n = ANY (ARRAY(SELECT n FROM fresh)) AND e.${number} IS NULL
        RETURNING placed.number, e.id
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
 *
 * Runs look for everything once a period, and while that is slow, so rarely that it takes at most a tenth of the time.
 * @param period interval between two runs without that, ms: for the rows of a process that was killed
 * @param onNumbered called after each run that numbered rows
 */
export function numbering(name: string, period: number, number: Sequencer, onNumbered: () => void): Work {
  let lookAt = -Infinity;
  return every(name, period, async (signal) => {
    const everything = performance.now() >= lookAt;
    for (let count = batch; count === batch && !signal.aborted;) {
      const began = performance.now();
      count = await number(everything);
      const took = performance.now() - began;
      // Half a period, because the next run may begin a little less than a period after this one.
      if (everything) lookAt = performance.now() + Math.max(period / 2, 9 * took);
      if (count > 0) onNumbered();
    }
  });
}
