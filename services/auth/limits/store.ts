import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import type { AttemptStore, Budget, Waits } from './rules/limits.ts';

/**
 * A transaction that does not wait for the disk: a crash of PostgreSQL may undo the attempts of its last second, and no
 * caller can cause one.
 */
const withoutDisk = sql`set_config('synchronous_commit', 'off', true)`;

/** Counts an attempt unless the limit is reached; returns the key if it did. */
function reserving({ key, limit, window }: Budget, alsoUsed: Sql, condition: Sql): Sql {
  return sql`
    INSERT INTO auth.attempts AS a (key, used, also_used, resets_at)
    SELECT ${key}, 1, ${alsoUsed}, now() + ${window} * interval '1 millisecond'
    FROM ${withoutDisk} WHERE ${condition}
    ON CONFLICT (key) DO UPDATE SET
      used = CASE WHEN a.resets_at <= now() THEN 1 ELSE a.used + 1 END,
      also_used = CASE WHEN a.resets_at <= now() THEN 0 ELSE a.also_used END + excluded.also_used,
      resets_at = CASE WHEN a.resets_at <= now() THEN excluded.resets_at ELSE a.resets_at END
    WHERE a.resets_at <= now() OR a.used < ${limit}
    RETURNING a.key`;
}

/**
 * Creates the store of attempts in PostgreSQL. Each method is one atomic statement, so concurrent attempts cannot exceed
 * a limit. A statement of several counters locks them in the order network, account, place.
 */
export function createAttemptStore(db: Statements): AttemptStore {
  /** Seconds until the counters reset. */
  async function waitsOf(keys: readonly string[]): Promise<Map<string, number>> {
    const rows = await db.$queryRaw<{ key: string; wait: number }[]>`
      SELECT key, extract(epoch FROM resets_at - now())::float8 AS wait FROM auth.attempts WHERE key = ANY (${keys})`;
    const found = new Map(rows.map(({ key, wait }) => [key, wait]));
    return new Map(keys.map((key) => [key, Math.max(1, found.get(key) ?? 1)]));
  }

  return {
    async reserve(budget) {
      const reserved = await db.$executeRaw(reserving(budget, sql`0`, sql`true`));
      return reserved === 1 ? undefined : (await waitsOf([budget.key])).get(budget.key);
    },
    async reserveAll({ network, account, place }) {
      const noNetwork = sql`SELECT NULL::text AS key`;
      const rows = await db.$queryRaw<{ key: string | null }[]>`
        WITH network AS (${network ? reserving(network, sql`0`, sql`true`) : noNetwork}),
        account AS (${reserving(account, sql`0`, sql`EXISTS (SELECT FROM network)`)}),
        place AS (
          ${reserving(place, sql`(SELECT count(*) FROM account)::int`, sql`EXISTS (SELECT FROM network)`)}
        )
        SELECT key FROM network UNION ALL SELECT key FROM account UNION ALL SELECT key FROM place`;
      const reserved = new Set(rows.map(({ key }) => key));
      if (network && !reserved.has(network.key)) return { network: (await waitsOf([network.key])).get(network.key) };
      const refused = [account.key, place.key].filter((key) => !reserved.has(key));
      if (refused.length === 0) return {};
      const waits = await waitsOf(refused);
      return { account: waits.get(account.key), place: waits.get(place.key) } satisfies Waits;
    },
    async giveBack(key) {
      await db.$executeRaw`
        UPDATE auth.attempts SET used = greatest(used - 1, 0) FROM ${withoutDisk} WHERE key = ${key}`;
    },
    async forgive({ network = null, account, place }, isAccountCounted) {
      await db.$executeRaw`
        WITH locked AS (
          SELECT key FROM auth.attempts, ${withoutDisk} WHERE key = ANY (${[network, account, place]})
          ORDER BY key = ${place}, key = ${account} FOR UPDATE OF attempts
        ), forgiven AS (
          DELETE FROM auth.attempts WHERE key = ${place} AND (SELECT count(*) FROM locked) > 0
          RETURNING also_used, resets_at
        )
        UPDATE auth.attempts a SET used = greatest(a.used - CASE a.key
          WHEN ${network} THEN 1
          ELSE ${isAccountCounted ? 1 : 0} + coalesce((SELECT also_used FROM forgiven WHERE resets_at > now()), 0)
        END, 0)
        WHERE a.key IN (${network}, ${account})`;
    },
    async clear(key) {
      await db.$executeRaw`DELETE FROM auth.attempts WHERE key = ${key}`;
    },
  };
}

/** Deletes the counters that have been reset. */
export const expiredAttempts = deleteExpired({
  table: sql`auth.attempts`,
  by: sql`resets_at`,
  isExpired: sql`resets_at < now()`,
});
