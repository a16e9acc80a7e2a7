import type { Statements } from '#kit/store/statements.ts';
import { sql } from '#kit/store/sql.ts';

/**
 * Removes the data of accounts from payments and refunds, in the transaction that erases the accounts. Ids, amounts,
 * times and states remain. Two statements, so that the second sees a refund whose transaction the first waited for.
 */
export async function anonymize(tx: Statements, userIds: readonly string[]): Promise<void> {
  const gone = await tx.$queryRaw<{ id: string }[]>(sql`
    UPDATE payment.payments SET user_id = NULL, payment_method = NULL, description = NULL
    WHERE user_id = ANY(${[...userIds]}::uuid[]) RETURNING id`);
  const ids = gone.map(({ id }) => id);
  await tx.$executeRaw(sql`UPDATE payment.refunds SET reason = '' WHERE payment_id = ANY(${ids}::uuid[])`);
}
