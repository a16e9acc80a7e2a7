import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import type { AttemptStore } from './rules/limits.ts';

/** Creates the store of attempts in PostgreSQL. Each method is one atomic statement, so concurrent attempts cannot exceed a limit. */
export function createAttemptStore(db: Statements): AttemptStore {
  return {
    async reserve({ key, limit, window }, isAlsoCounted = false) {
      const reserved = await db.$executeRaw`
        INSERT INTO auth.attempts AS a (key, used, also_used, resets_at)
        VALUES (${key}, 1, ${isAlsoCounted ? 1 : 0}, now() + ${window} * interval '1 millisecond')
        ON CONFLICT (key) DO UPDATE SET
          used = CASE WHEN a.resets_at <= now() THEN 1 ELSE a.used + 1 END,
          also_used = CASE WHEN a.resets_at <= now() THEN 0 ELSE a.also_used END + excluded.also_used,
          resets_at = CASE WHEN a.resets_at <= now() THEN excluded.resets_at ELSE a.resets_at END
        WHERE a.resets_at <= now() OR a.used < ${limit}`;
      if (reserved === 1) return undefined;
      const [row] = await db.$queryRaw<{ wait: number }[]>`
        SELECT extract(epoch FROM resets_at - now())::float8 AS wait FROM auth.attempts WHERE key = ${key}`;
      return Math.max(1, row?.wait ?? 1);
    },
    async giveBack(key) {
      await db.$executeRaw`UPDATE auth.attempts SET used = greatest(used - 1, 0) WHERE key = ${key}`;
    },
    async forgive(key, wider) {
      await db.$executeRaw`
        WITH forgiven AS (DELETE FROM auth.attempts WHERE key = ${key} RETURNING also_used, resets_at)
        UPDATE auth.attempts a SET used = greatest(a.used - forgiven.also_used, 0)
        FROM forgiven WHERE a.key = ${wider} AND forgiven.resets_at > now()`;
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
