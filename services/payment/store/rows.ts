import { type Amount, formatMoney, amountOf } from '#kit/money/money.ts';
import { columns } from '#kit/store/columns.ts';
import { column, type Sql, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { keyOf, type Payment } from '../domain/payment.ts';
import type { Refund } from '../domain/refund.ts';

/** A row of payments. Amounts are text, because a floating-point number is not exact. */
interface PaymentRow extends Omit<
  {
    readonly [Property in keyof Payment]: undefined extends Payment[Property]
      ? Exclude<Payment[Property], undefined> | null
      : Payment[Property];
  },
  'amounts'
> {
  readonly currency: string | null;
  readonly amount: string | null;
  readonly refunded: string;
  readonly refunding: string;
}

/** The select list of payments, in the table or alias `p`. */
export const paymentColumns = columns<PaymentRow>('p', {
  id: true,
  userId: true,
  orderId: true,
  state: true,
  currency: true,
  amount: sql`p.amount::text`,
  refunded: sql`p.refunded::text`,
  refunding: sql`p.refunding::text`,
  paymentMethod: true,
  description: true,
  failureCode: true,
  attempt: true,
  attemptedAt: true,
  asks: true,
  refundRequestedAt: true,
  createdAt: true,
  updatedAt: true,
});

/** Reads payments: `SELECT ${paymentColumns} FROM payment.payments p ${rest}`, or another statement with these columns. */
export async function readPayments(db: Pick<Statements, '$queryRaw'>, statement: Sql): Promise<Payment[]> {
  return (await db.$queryRaw<PaymentRow[]>(statement)).map(paymentOf);
}

function paymentOf({ currency, amount, refunded, refunding, ...row }: PaymentRow): Payment {
  const amounts =
    currency === null || amount === null
      ? undefined
      : {
          amount: amountOf(amount, currency),
          refunded: amountOf(refunded, currency),
          refunding: amountOf(refunding, currency),
        };
  const { userId, orderId, paymentMethod, description, refundRequestedAt, ...rest } = row;
  return {
    ...rest,
    userId: userId ?? undefined,
    orderId: orderId ?? undefined,
    paymentMethod: paymentMethod ?? undefined,
    description: description ?? undefined,
    refundRequestedAt: refundRequestedAt ?? undefined,
    amounts,
  };
}

/** A row of refunds with what it needs of its payment. */
interface RefundRow {
  readonly id: string;
  readonly paymentId: string;
  readonly amount: string;
  readonly currency: string;
  readonly orderId: string | null;
  readonly attempt: number;
}

/** The select list of refunds `r` of payments `p`. */
export const refundColumns = columns<RefundRow>('r', {
  id: true,
  paymentId: true,
  amount: sql`r.amount::text`,
  currency: sql`p.currency`,
  orderId: sql`p.order_id`,
  attempt: sql`p.attempt`,
});

/** Reads refunds by a statement with `refundColumns`. */
export async function readRefunds(db: Pick<Statements, '$queryRaw'>, statement: Sql): Promise<Refund[]> {
  const rows = await db.$queryRaw<RefundRow[]>(statement);
  return rows.map(({ id, paymentId, amount, currency, orderId, attempt }) => ({
    id,
    paymentId,
    chargeKey: keyOf({ id: paymentId, orderId: orderId ?? undefined, attempt }),
    amount: amountOf(amount, currency),
  }));
}

/** An amount as a value of a numeric column. */
export function numeric(amount: Amount): Sql {
  return sql`${formatMoney(amount)}::numeric`;
}

/** The time in `ms` milliseconds. */
export function inMilliseconds(ms: number): Sql {
  return sql`now() + ${ms}::float8 * interval '1 millisecond'`;
}

/**
 * The assignments that take a due row: the next question follows after 2, 4, 8 s and so on, at most 5 minutes. The first
 * one was scheduled when the outcome became unknown.
 */
export function take(row: 'p' | 'r'): Sql {
  const asks = column(`${row}.asks`);
  const wait = sql`least(300, power(2, least(${asks} + 1, 10))) * interval '1 second'`;
  return sql`asks = ${asks} + 1, due_at = now() + ${wait}`;
}
