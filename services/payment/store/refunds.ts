import { add, type Amount, isSame, subtract } from '#kit/money/money.ts';
import { move, moveFromAny } from '#kit/store/move.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { type Payment, paymentStates } from '../domain/payment.ts';
import { type NewRefund, type Refund, refundStates, type RefundStore } from '../domain/refund.ts';
import type { PaymentEvents } from './events.ts';
import { inMilliseconds, numeric, paymentColumns, readPayments, readRefunds, refundColumns, take } from './rows.ts';

const [giveBackPart, giveBackAll] = [
  moveFromAny(paymentStates, 'partially_refunded'),
  moveFromAny(paymentStates, 'refunded'),
];
const [succeed, fail] = [move(refundStates, 'pending', 'succeeded'), move(refundStates, 'pending', 'failed')];

/** Creates the store of refunds in PostgreSQL. Every method that changes refunds locks the payment's row first. */
export function createRefundStore(db: Transactional, record: PaymentEvents): RefundStore {
  return {
    begin: (paymentId, refund, decide, dueIn) =>
      db.$transaction(async (tx) => {
        const payment = await locked(tx, sql`p.id = ${paymentId}::uuid`);
        if (!payment) return undefined;
        const amount = decide(payment);
        const begun = await insertRefund(tx, payment.id, refund, amount, dueIn);
        return { refund: begun, payment: reserved(payment, amount) };
      }),
    beginForOrder: (orderId, { tombstoneId, ...refund }, decide, dueIn) =>
      db.$transaction(async (tx) => {
        // Waits for a concurrent charge of the order, or makes it find this row.
        await tx.$executeRaw`
          INSERT INTO payment.payments (id, order_id, state, refund_requested_at)
          VALUES (${tombstoneId}::uuid, ${orderId}::uuid, 'failed', now())
          ON CONFLICT (order_id) DO NOTHING`;
        const [payment] = await readPayments(
          tx,
          sql`
          UPDATE payment.payments p SET refund_requested_at = coalesce(p.refund_requested_at, now())
          WHERE p.order_id = ${orderId}::uuid RETURNING ${paymentColumns}`,
        );
        if (!payment) throw new Error(`no payment of the order ${orderId}`);
        const left = decide(payment);
        // A refund that the provider has just refused is not begun again at once: the saga asks often.
        const [refused] = await tx.$queryRaw<unknown[]>`
          SELECT id FROM payment.refunds
          WHERE payment_id = ${payment.id}::uuid AND state = 'failed' AND settled_at > now() - interval '5 minutes' LIMIT 1`;
        if (!left || refused) return { payment, refund: undefined };
        const begun = await insertRefund(tx, payment.id, refund, left, dueIn);
        return { refund: begun, payment: reserved(payment, left) };
      }),
    settle: ({ id, paymentId, amount }, outcome) =>
      db.$transaction(async (tx) => {
        const payment = await locked(tx, sql`p.id = ${paymentId}::uuid`);
        if (!payment?.amounts) throw new Error(`no payment ${paymentId}`);
        const { set, where } = outcome.state === 'refunded' ? succeed : fail;
        const settled = await tx.$executeRaw`
          UPDATE payment.refunds SET ${set}, due_at = NULL, settled_at = now() WHERE ${where} AND id = ${id}::uuid`;
        if (settled === 0) return payment;
        const refunding = numeric(subtract(payment.amounts.refunding, amount));
        if (outcome.state === 'refused') return update(tx, paymentId, sql`refunding = ${refunding}`, sql`true`);
        const refunded = add(payment.amounts.refunded, amount);
        const next = isSame(refunded, payment.amounts.amount) ? giveBackAll : giveBackPart;
        const changes = sql`${next.set}, refunding = ${refunding}, refunded = ${numeric(refunded)}`;
        const changed = await update(tx, paymentId, changes, next.where);
        await record.refunded(tx, changed, amount);
        return changed;
      }),
    takeDue: (count) =>
      readRefunds(
        db,
        sql`
        UPDATE payment.refunds r SET ${take('r')} FROM payment.payments p
        WHERE p.id = r.payment_id AND r.id IN (
          SELECT id FROM payment.refunds WHERE state = 'pending' AND due_at <= now()
          ORDER BY due_at LIMIT ${count} FOR UPDATE SKIP LOCKED)
        RETURNING ${refundColumns}`,
      ),
    async askAfter(id, dueIn) {
      await db.$executeRaw`
        UPDATE payment.refunds SET due_at = ${inMilliseconds(dueIn)}
        WHERE id = ${id}::uuid AND state = 'pending' AND asks = 0`;
    },
    async findPending(id) {
      const [refund] = await readRefunds(
        db,
        sql`
        SELECT ${refundColumns} FROM payment.refunds r JOIN payment.payments p ON p.id = r.payment_id
        WHERE r.id = ${id}::uuid AND r.state = 'pending'`,
      );
      return refund;
    },
  };
}

/** A payment after `insertRefund`. */
export function reserved({ amounts, ...payment }: Payment, amount: Amount): Payment {
  return { ...payment, amounts: amounts && { ...amounts, refunding: add(amounts.refunding, amount) } };
}

/** Locks and reads a payment. */
async function locked(tx: Statements, condition: Sql): Promise<Payment | undefined> {
  const [payment] = await readPayments(
    tx,
    sql`SELECT ${paymentColumns} FROM payment.payments p WHERE ${condition} FOR UPDATE`,
  );
  return payment;
}

/** Updates the amounts of a locked payment. */
async function update(tx: Statements, id: string, assignments: Sql, condition: Sql): Promise<Payment> {
  const [payment] = await readPayments(
    tx,
    sql`
    UPDATE payment.payments p SET ${assignments}, updated_at = now() WHERE p.id = ${id}::uuid AND ${condition}
    RETURNING ${paymentColumns}`,
  );
  if (!payment) throw new Error(`the state of the payment ${id} does not allow a refund`);
  return payment;
}

/** Inserts a pending refund of a payment whose row the transaction has locked, and reserves its amount. */
export async function insertRefund(
  tx: Statements,
  paymentId: string,
  { id, reason }: NewRefund,
  amount: Amount,
  dueIn: number,
): Promise<Refund> {
  await tx.$executeRaw`
    UPDATE payment.payments SET refunding = refunding + ${numeric(amount)} WHERE id = ${paymentId}::uuid`;
  const [refund] = await readRefunds(
    tx,
    sql`
    WITH r AS (
      INSERT INTO payment.refunds (id, payment_id, state, amount, reason, due_at)
      VALUES (${id}::uuid, ${paymentId}::uuid, 'pending', ${numeric(amount)}, ${reason}, ${inMilliseconds(dueIn)})
      RETURNING *
    )
    SELECT ${refundColumns} FROM r JOIN payment.payments p ON p.id = r.payment_id`,
  );
  if (!refund) throw new Error(`no refund ${id}`);
  return refund;
}
