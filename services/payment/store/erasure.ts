import type { Statements } from '#kit/events/tables.ts';
import { sql } from '#kit/store/sql.ts';

/**
 * Removes the data of accounts from payments and refunds, in the transaction that erases the accounts. Ids, amounts,
 * times and states remain.
 */
export async function anonymize(tx: Pick<Statements, '$executeRaw'>, userIds: readonly string[]): Promise<void> {
  await tx.$executeRaw(sql`
    WITH gone AS (
      UPDATE payment.payments SET user_id = NULL, payment_method = NULL, description = NULL
      WHERE user_id = ANY(${[...userIds]}::uuid[]) RETURNING id
    )
    UPDATE payment.refunds r SET reason = '' FROM gone WHERE r.payment_id = gone.id`);
}
