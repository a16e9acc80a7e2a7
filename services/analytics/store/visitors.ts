import { livingOwners } from '#kit/erasure/owners.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';

/**
 * Returns the CTEs `owner` and `visitor`: the latter has `user_id` and `id` of each user whose account was not deleted, and
 * inserts missing rows. It holds the owners' locks, so an erasure either precedes the statement or sees its rows.
 */
export function visitorsOf(userIds: readonly string[]): Sql {
  return sql`
    owner AS (${livingOwners('analytics', userIds)}),
    visitor AS (
      INSERT INTO analytics.visitors (user_id) SELECT user_id FROM owner ORDER BY user_id
      ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id
      RETURNING user_id, id
    )`;
}

/** Tracked events that one statement changes. */
const batch = 5_000;

/**
 * Deletes what clients tracked about an erased user, in batches, and then cuts the link between the user and their facts.
 * Facts, names and times remain under an id that stands for no account any more. Idempotent.
 */
export async function anonymize(db: Statements, userId: string, signal: AbortSignal): Promise<void> {
  let last: string | null = null;
  do {
    const changed: { id: string }[] = await db.$queryRaw`
      UPDATE analytics.tracked_events SET properties = '{}'
      WHERE id IN (
        SELECT t.id FROM analytics.tracked_events t
        WHERE t.visitor = (SELECT v.id FROM analytics.visitors v WHERE v.user_id = ${userId}::uuid)
          AND (${last}::uuid IS NULL OR t.id > ${last}::uuid)
        ORDER BY t.id LIMIT ${batch}
      ) RETURNING id::text`;
    last = changed.length < batch ? null : changed.reduce((most, { id }) => (id > most ? id : most), '');
  } while (last !== null && !signal.aborted);
  if (!signal.aborted) await db.$executeRaw`DELETE FROM analytics.visitors WHERE user_id = ${userId}::uuid`;
}
