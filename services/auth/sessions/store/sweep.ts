import { sql } from '#kit/store/sql.ts';
import { limitOf, type SweepBatch } from '#kit/work/sweep.ts';

/** How long an ended session is kept for its owner's list. */
export const keptAfterEnd = sql`interval '30 days'`;

/** When a session ends, or has ended. */
const end = sql`least(expires_at, idle_expires_at, revoked_at)`;

/**
 * Deletes the sessions that ended 30 days ago. The sweep looks at a session when `sweep_at` has come, and if it is still
 * kept sets the next time: when it can be deleted, but at most 30 days later. A session that ends in between is kept for
 * 30 days, so it is looked at in time. An index on `idle_expires_at` would serve as well, but every refresh changes that
 * column and would then have to write to every index of the table.
 */
export const endedSessions: SweepBatch = async (tx, limit) => {
  const [due] = await tx.$queryRaw<[{ count: number }]>`
    WITH due AS MATERIALIZED (
      SELECT id, ${end} + ${keptAfterEnd} < now() AS over
      FROM auth.sessions WHERE sweep_at <= now() ORDER BY sweep_at LIMIT ${limitOf(limit)} FOR UPDATE SKIP LOCKED
    ), deleted AS (
      DELETE FROM auth.sessions WHERE id = ANY (ARRAY(SELECT id FROM due WHERE over))
    ), kept AS (
      UPDATE auth.sessions SET sweep_at = least(${end}, now()) + ${keptAfterEnd}
      WHERE id = ANY (ARRAY(SELECT id FROM due WHERE NOT over))
    )
    SELECT count(*)::int AS count FROM due`;
  return due.count;
};
