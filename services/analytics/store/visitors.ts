import type { Prisma } from '#gen/prisma/analytics/client.ts';
import { livingOwners } from '#kit/erasure/owners.ts';
import { type Sql, sql } from '#kit/store/sql.ts';

/** The client of a transaction. */
export type Transaction = Prisma.TransactionClient;

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

/**
 * Cuts the link between users and their facts, and deletes what clients tracked about them, in the transaction that writes
 * the tombstones. Facts, names and times remain under an id that stands for no account any more.
 */
export async function anonymize(userIds: readonly string[], tx: Transaction): Promise<void> {
  await tx.$executeRaw`
    WITH gone AS (DELETE FROM analytics.visitors WHERE user_id = ANY(${[...userIds]}::uuid[]) RETURNING id)
    UPDATE analytics.tracked_events t SET properties = '{}' FROM gone WHERE t.visitor = gone.id`;
}
