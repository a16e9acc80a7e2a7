import { setTimeout } from 'node:timers/promises';
import { raw, type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { every, type Work } from './work.ts';

/** Deletes at most `limit` rows, by one statement. Returns the number of rows that it dealt with; below `limit` no more are due. */
export type SweepBatch = (tx: Statements, limit: number) => Promise<number>;

/** Rows that expire. */
export interface Expiring {
  /** The table, with an alias if `isExpired` uses one. */
  readonly table: Sql;
  /** An indexed column that `isExpired` limits, so that a sweep reads only rows that are due. */
  readonly by: Sql;
  readonly isExpired: Sql;
}

/** Returns the batch that deletes expired rows. It skips rows that another transaction has locked. */
export function deleteExpired({ table, by, isExpired }: Expiring): SweepBatch {
  return (tx, limit) =>
    tx.$executeRaw(sql`
      DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ${table} WHERE ${isExpired} ORDER BY ${by} LIMIT ${limitOf(limit)} FOR UPDATE SKIP LOCKED))`);
}

/** Returns a limit as text: for a parameter the planner assumes a tenth of the rows, and may scan the table. */
export function limitOf(limit: number): Sql {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`${limit} is not a limit`);
  return raw(String(limit));
}

/**
 * Runs a batch until no more rows are due, with a pause after each full batch. Every batch is a transaction under an
 * advisory lock: of all replicas one deletes at a time, and the others end their run. The lock belongs to the
 * transaction, so a pooler in transaction mode may be in between.
 * @param name of the lock, unique in a database
 * @param options.limit most rows of a batch, whose locks its transaction holds; 1,000
 * @param options.pause ms; 50
 * @param options.batches most batches of a run, so that a run ends and is counted while many rows are due; 200
 * @returns the number of rows
 */
export async function sweep(
  db: Transactional,
  name: string,
  batch: SweepBatch,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly limit?: number;
    readonly pause?: number;
    readonly batches?: number;
  } = {},
): Promise<number> {
  const { signal = new AbortController().signal, limit = 1_000, pause = 50, batches = 200 } = options;
  let total = 0;
  for (let run = 0; run < batches && !signal.aborted; run++) {
    const count = await db.$transaction(async (tx) => {
      const [lock] = await tx.$queryRaw<[{ isOurs: boolean }]>`
        SELECT pg_try_advisory_xact_lock(hashtextextended(${`signet sweep: ${name}`}, 0)) AS "isOurs"`;
      return lock.isOurs ? batch(tx, limit) : 0;
    });
    total += count;
    if (count < limit) break;
    await setTimeout(pause, undefined, { signal }).catch(() => undefined);
  }
  return total;
}

/** Interval of deleting expired rows, ms. */
const sweepEvery = 60_000;

/**
 * Returns work that deletes expired rows once a minute.
 * @param what the rows, for the log and metrics; unique in a service
 */
export function sweeping(db: Transactional, schema: string, what: string, batch: SweepBatch): Work {
  return every(`delete expired ${what}`, sweepEvery, async (signal) => {
    await sweep(db, `${schema} ${what}`, batch, { signal });
  });
}
