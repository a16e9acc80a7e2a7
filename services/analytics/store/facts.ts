import { formatMoney } from '#kit/money/money.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Fact } from '../domain/facts.ts';
import { addActivity, addCounts, addRevenue } from './read-models.ts';
import { visitorsOf } from './visitors.ts';

/**
 * Inserts facts and adds them to the read models, in the transaction of the cursor. A fact that was inserted before adds
 * nothing. A login of a deleted account is counted and has no visitor.
 */
export async function insertOnce(facts: readonly Fact[], tx: Statements): Promise<void> {
  if (facts.length === 0) return;
  const given = facts.map(({ id, kind, at, userId, amount }) => ({
    id,
    kind,
    at: at.toISOString(),
    user_id: userId ?? null,
    currency: amount?.currencyCode ?? null,
    amount: amount ? formatMoney(amount) : null,
  }));
  const users = facts.flatMap(({ userId }) => userId ?? []);
  await tx.$executeRaw`
    WITH ${visitorsOf(users)}, taken AS (
      INSERT INTO analytics.facts (id, kind, at, visitor, currency, amount)
      SELECT g.id, g.kind, g.at, v.id, g.currency, g.amount
      FROM jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
          AS g (id uuid, kind text, at timestamptz, user_id uuid, currency text, amount numeric)
        LEFT JOIN visitor v USING (user_id)
      ON CONFLICT (id) DO NOTHING
      RETURNING kind, at, visitor, currency, amount
    ), counted AS (${addCounts}), earned AS (${addRevenue})
    ${addActivity}`;
}
