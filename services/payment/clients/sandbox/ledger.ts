import { formatMoney } from '#kit/money/money.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type {
  Charge,
  ChargeOutcome,
  ChargeStatus,
  FailureCode,
  ProviderRefund,
  RefundOutcome,
} from '../../domain/provider.ts';
import { createLedger } from './tables.ts';

/** The sandbox's ledger: what a bank would know. The payment service reads it through the sandbox only. */
export interface Ledger {
  /** Books a charge, unless its key has one. `isNew`: this call booked it. */
  charge(charge: Charge, refusal: FailureCode | undefined): Promise<{ outcome: ChargeOutcome; isNew: boolean }>;
  query(key: string): Promise<ChargeStatus>;
  /** Books that a charge is given up, unless its key has a charge. */
  cancel(key: string): Promise<ChargeOutcome>;
  /** Books a refund, unless its key has one. Refuses more than what is left of the charge. */
  refund(refund: ProviderRefund): Promise<RefundOutcome>;
}

interface ChargeRow {
  readonly state: 'captured' | 'refused';
  readonly failure: FailureCode;
}

/** Opens the ledger. Creates its schema `payment_sandbox` if it is missing, as createLedger. */
export async function openLedger(db: Transactional, mayCreate = true): Promise<Ledger> {
  await createLedger(db, mayCreate);

  async function find(key: string): Promise<ChargeOutcome | undefined> {
    const [row] = await db.$queryRaw<ChargeRow[]>`
      SELECT state, failure FROM payment_sandbox.charges WHERE key = ${key}`;
    return row && outcomeOf(row);
  }

  return {
    async charge({ key, amount, paymentMethod }, refusal) {
      const [row] = await db.$queryRaw<[ChargeRow & { calls: number }]>`
        INSERT INTO payment_sandbox.charges AS c (key, state, failure, currency, amount, payment_method)
        VALUES (${key}, ${refusal ? 'refused' : 'captured'}, ${refusal ?? ''}, ${amount.currencyCode},
          ${formatMoney(amount)}::numeric, ${paymentMethod})
        ON CONFLICT (key) DO UPDATE SET calls = c.calls + 1
        RETURNING state, failure, calls`;
      return { outcome: outcomeOf(row), isNew: row.calls === 1 };
    },
    query: async (key) => (await find(key)) ?? { state: 'absent' },
    async cancel(key) {
      await db.$executeRaw`
        INSERT INTO payment_sandbox.charges (key, state, failure, calls) VALUES (${key}, 'refused', 'expired', 0)
        ON CONFLICT (key) DO NOTHING`;
      const outcome = await find(key);
      if (!outcome) throw new Error('the sandbox lost a charge');
      return outcome;
    },
    refund: ({ key, chargeKey, amount }) =>
      db.$transaction(async (tx) => {
        // Locks the charge: concurrent refunds see each other.
        const charges = await tx.$queryRaw<{ currency: string }[]>`
          SELECT currency FROM payment_sandbox.charges WHERE key = ${chargeKey} AND state = 'captured' FOR UPDATE`;
        if (charges[0]?.currency !== amount.currencyCode) return { state: 'refused' };
        const known = await tx.$queryRaw<unknown[]>`SELECT 1 FROM payment_sandbox.refunds WHERE key = ${key}`;
        if (known.length > 0) return { state: 'refunded' };
        const booked = await tx.$executeRaw`
          INSERT INTO payment_sandbox.refunds (key, charge_key, amount)
          SELECT ${key}, c.key, ${formatMoney(amount)}::numeric FROM payment_sandbox.charges c
          WHERE c.key = ${chargeKey} AND c.amount >= ${formatMoney(amount)}::numeric
            + (SELECT coalesce(sum(r.amount), 0) FROM payment_sandbox.refunds r WHERE r.charge_key = c.key)`;
        return { state: booked === 1 ? 'refunded' : 'refused' };
      }),
  };
}

function outcomeOf({ state, failure }: ChargeRow): ChargeOutcome {
  return state === 'captured' ? { state } : { state, code: failure };
}
