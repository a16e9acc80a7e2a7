import { livingOwners } from '#kit/erasure/owners.ts';
import type { Statements } from '#kit/store/statements.ts';
import { type Sql, sql, tableIn } from '#kit/store/sql.ts';
import { deleteExpired, type SweepBatch } from '#kit/work/sweep.ts';
import type { Answer } from './answer.ts';

/** A key of a user and a method. */
export interface ScopedKey {
  readonly userId: string;
  /** Full name of the method. */
  readonly method: string;
  readonly key: string;
}

/** A run of a request: the caller that has it executes the request. */
export interface Run {
  /** Id of the resource to create; the same in every run of a key. */
  readonly resourceId: string;
  /** 1 for the first run. */
  readonly runs: number;
}

/** What is known of a key. */
export interface KnownKey {
  /** Hash of the request that the key was first used with. */
  readonly request: Uint8Array;
  /** Whether `claim` would return a run for the same request. */
  readonly isFree: boolean;
  /** Undefined while a run is under way, and after one that was not kept. */
  readonly answer: Answer | undefined;
}

/** Persistence of idempotency keys. Every method is one statement. */
export interface KeyStore {
  /**
   * Starts a run if the key is new or expired, or if its last run has ended without an answer and the request is the
   * same. Of concurrent callers one gets the run.
   */
  claim(key: ScopedKey, request: Uint8Array, newId: string): Promise<Run | 'taken' | 'erased'>;
  find(key: ScopedKey): Promise<KnownKey | undefined>;
  /** Extends the lease of a run that has not ended. */
  renew(key: ScopedKey, run: Run): Promise<void>;
  /** Stores the answer, unless another run has stored one. Returns the stored answer; undefined if the key is gone. */
  finish(key: ScopedKey, run: Run, answer: Answer): Promise<Answer | undefined>;
  /** Ends a run without an answer. The same request may then run again, for the same resource. */
  release(key: ScopedKey, run: Run): Promise<void>;
  /** Ends a run that created nothing. Any request may then use the key. */
  forget(key: ScopedKey, run: Run): Promise<void>;
}

/** Time for which a key keeps its answer, ms. */
export const keepMs = 24 * 3_600_000;

const expired = sql`k.created_at <= now() - ${milliseconds(keepMs)}`;
const ended = sql`k.leased_until <= now()`;

interface Row {
  readonly request: Uint8Array;
  readonly isFree: boolean;
  readonly response: Uint8Array | null;
  readonly error: Uint8Array | null;
}

/**
 * Creates the store of a service's idempotency keys in PostgreSQL.
 * @param lease time after which the run of a killed process has ended, ms
 * @throws Error if the schema is not a plain name
 */
export function createKeyStore(db: Statements, schema: string, lease: number): KeyStore {
  const keys = tableIn(schema, 'idempotency_keys');
  const leased = sql`now() + ${milliseconds(lease)}`;
  const open = sql`k.response IS NULL AND k.error IS NULL`;
  // A process that was paused beyond its lease must not end the run of another one.
  const ofRun = (key: ScopedKey, { resourceId, runs }: Run) =>
    sql`${of(key)} AND k.resource_id = ${resourceId}::uuid AND k.runs = ${runs} AND ${open}`;

  return {
    async claim({ userId, method, key }, request, newId) {
      const [row] = await db.$queryRaw<[Partial<Run> & { owners: number }]>(sql`
        WITH owner AS (${livingOwners(schema, [userId])}), claimed AS (
          INSERT INTO ${keys} AS k (user_id, method, key, request, resource_id, runs, leased_until)
          SELECT user_id, ${method}, ${key}, ${request}, ${newId}::uuid, 1, ${leased} FROM owner
          ON CONFLICT (user_id, method, key) DO UPDATE SET
            request = excluded.request, runs = k.runs + 1, leased_until = excluded.leased_until,
            resource_id = CASE WHEN ${expired} THEN excluded.resource_id ELSE k.resource_id END,
            created_at = CASE WHEN ${expired} THEN now() ELSE k.created_at END, response = NULL, error = NULL
          WHERE ${ended} AND (${expired} OR (${open} AND k.request = excluded.request))
          RETURNING resource_id, runs
        )
        SELECT (SELECT count(*) FROM owner)::int AS owners, c.resource_id AS "resourceId", c.runs
        FROM (SELECT) AS one LEFT JOIN claimed c ON true`);
      if (row.owners === 0) return 'erased';
      const { resourceId, runs } = row;
      return resourceId && runs ? { resourceId, runs } : 'taken';
    },
    async find(key) {
      const [row] = await db.$queryRaw<Row[]>(sql`
        SELECT k.request, k.response, k.error, ${ended} AND (${expired} OR (${open})) AS "isFree"
        FROM ${keys} k WHERE ${of(key)}`);
      return row && { request: row.request, isFree: row.isFree, answer: answerIn(row) };
    },
    async renew(key, run) {
      await db.$executeRaw(sql`UPDATE ${keys} AS k SET leased_until = ${leased} WHERE ${ofRun(key, run)}`);
    },
    async finish(key, { resourceId }, answer) {
      const { response, error } = { response: undefined, error: undefined, ...answer };
      // Any run of this resource may have stored an answer first; all of them then return that one.
      const [row] = await db.$queryRaw<Row[]>(sql`
        UPDATE ${keys} AS k SET leased_until = now(),
          response = CASE WHEN ${open} THEN ${bytes(response)} ELSE k.response END,
          error = CASE WHEN ${open} THEN ${bytes(error)} ELSE k.error END
        WHERE ${of(key)} AND k.resource_id = ${resourceId}::uuid
        RETURNING k.request, k.response, k.error, false AS "isFree"`);
      return row && answerIn(row);
    },
    async release(key, run) {
      await db.$executeRaw(sql`UPDATE ${keys} AS k SET leased_until = now() WHERE ${ofRun(key, run)}`);
    },
    async forget(key, run) {
      await db.$executeRaw(sql`DELETE FROM ${keys} AS k WHERE ${ofRun(key, run)}`);
    },
  };
}

/** Returns the batch that deletes the expired keys of a service. @throws Error if the schema is not a plain name */
export function expiredKeys(schema: string): SweepBatch {
  const table = sql`${tableIn(schema, 'idempotency_keys')} k`;
  return deleteExpired({ table, by: sql`k.created_at`, isExpired: sql`${expired} AND ${ended}` });
}

/** Returns the condition of a key's row. */
function of({ userId, method, key }: ScopedKey): Sql {
  return sql`k.user_id = ${userId}::uuid AND k.method = ${method} AND k.key = ${key}`;
}

function milliseconds(count: number): Sql {
  return sql`${count}::float8 * interval '1 millisecond'`;
}

function bytes(value: Uint8Array | undefined): Sql {
  return sql`${value ?? null}::bytea`;
}

function answerIn({ response, error }: Row): Answer | undefined {
  if (response) return { response };
  return error ? { error } : undefined;
}
