import { livingOwners } from '#kit/erasure/owners.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { move } from '#kit/store/move.ts';
import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { type Payment, paymentStates, type PaymentStore } from '../domain/payment.ts';
import { leftOf } from '../domain/refund.ts';
import type { PaymentEvents } from './events.ts';
import { insertRefund, reserved } from './refunds.ts';
import { inMilliseconds, numeric, paymentColumns, readPayments, take } from './rows.ts';

const [succeed, fail, again] = [
  move(paymentStates, 'pending', 'succeeded'),
  move(paymentStates, 'pending', 'failed'),
  move(paymentStates, 'failed', 'pending'),
];
const newestFirst = descending(['p.created_at', 'timestamptz'], ['p.id', 'uuid']);

/**
 * Creates the store of payments in PostgreSQL.
 * @param newId returns a UUIDv7
 */
export function createPaymentStore(db: Transactional, record: PaymentEvents, newId: () => string): PaymentStore {
  async function find(id: string, userId?: string): Promise<Payment | undefined> {
    const wanted = where([sql`p.id = ${id}::uuid`, userId !== undefined && sql`p.user_id = ${userId}::uuid`]);
    const [payment] = await readPayments(db, sql`SELECT ${paymentColumns} FROM payment.payments p WHERE ${wanted}`);
    return payment;
  }
  async function findByOrder(orderId: string): Promise<Payment | undefined> {
    const [payment] = await readPayments(
      db,
      sql`SELECT ${paymentColumns} FROM payment.payments p WHERE p.order_id = ${orderId}::uuid`,
    );
    return payment;
  }
  async function existing(id: string): Promise<Payment> {
    const payment = await find(id);
    if (!payment) throw new Error(`no payment ${id}`);
    return payment;
  }

  return {
    find,
    findByOrder,
    async begin({ id, userId, orderId = null, amount, paymentMethod, description }, dueIn) {
      const [made] = await readPayments(
        db,
        sql`
        WITH owner AS (${livingOwners('payment', [userId])})
        INSERT INTO payment.payments AS p
          (id, user_id, order_id, state, currency, amount, payment_method, description, due_at)
        SELECT ${id}::uuid, user_id, ${orderId}::uuid, 'pending', ${amount.currencyCode}, ${numeric(amount)},
          ${paymentMethod}, ${description}, ${inMilliseconds(dueIn)} FROM owner
        ON CONFLICT DO NOTHING
        RETURNING ${paymentColumns}`,
      );
      if (made) return { payment: made, isNew: true };
      const found = await (orderId === null ? find(id, userId) : findByOrder(orderId));
      return found && { payment: found, isNew: false };
    },
    async beginErased({ id, orderId = null, amount }, code) {
      const [made] = await readPayments(
        db,
        sql`
        INSERT INTO payment.payments AS p (id, order_id, state, currency, amount, failure_code)
        VALUES (${id}::uuid, ${orderId}::uuid, 'failed', ${amount.currencyCode}, ${numeric(amount)}, ${code})
        ON CONFLICT DO NOTHING
        RETURNING ${paymentColumns}`,
      );
      const found = made ?? (orderId === null ? undefined : await findByOrder(orderId));
      return found ?? existing(id);
    },
    async beginAttempt({ id, attempt }, paymentMethod, dueIn) {
      const [begun] = await readPayments(
        db,
        sql`
        WITH owner AS (
          UPDATE payment.owners SET user_id = user_id WHERE erased_at IS NULL
            AND user_id = (SELECT user_id FROM payment.payments WHERE id = ${id}::uuid)
          RETURNING user_id
        )
        UPDATE payment.payments p SET ${again.set}, attempt = p.attempt + 1, attempted_at = now(), updated_at = now(),
          payment_method = ${paymentMethod}, failure_code = '', asks = 0, due_at = ${inMilliseconds(dueIn)}
        FROM owner
        WHERE ${again.where} AND p.id = ${id}::uuid AND p.attempt = ${attempt} AND p.user_id = owner.user_id
          AND p.refund_requested_at IS NULL
        RETURNING ${paymentColumns}`,
      );
      return begun;
    },
    async settle({ id, attempt }, outcome) {
      const { set, where: isPending } = outcome.state === 'captured' ? succeed : fail;
      const code = outcome.state === 'captured' ? '' : outcome.code;
      const settled = await db.$transaction(async (tx) => {
        const [payment] = await readPayments(
          tx,
          sql`
          UPDATE payment.payments p SET ${set}, failure_code = ${code}, due_at = NULL, updated_at = now()
          WHERE ${isPending} AND p.id = ${id}::uuid AND p.attempt = ${attempt}
          RETURNING ${paymentColumns}`,
        );
        if (!payment) return undefined;
        await record.settled(tx, payment);
        const left = payment.refundRequestedAt && leftOf(payment);
        if (!left) return payment;
        await insertRefund(tx, payment.id, { id: newId(), reason: '' }, left, 0);
        return reserved(payment, left);
      });
      return settled ?? existing(id);
    },
    async askAfter({ id, attempt }, dueIn) {
      await db.$executeRaw`
        UPDATE payment.payments SET due_at = ${inMilliseconds(dueIn)}
        WHERE id = ${id}::uuid AND attempt = ${attempt} AND state = 'pending' AND asks = 0`;
      return existing(id);
    },
    takeDue: (count) =>
      readPayments(
        db,
        sql`
        UPDATE payment.payments p SET ${take('p')} WHERE p.id IN (
          SELECT id FROM payment.payments WHERE state = 'pending' AND due_at <= now()
          ORDER BY due_at LIMIT ${count} FOR UPDATE SKIP LOCKED)
        RETURNING ${paymentColumns}`,
      ),
    page({ userId, orderId, state }, { take: count, after }) {
      const wanted = where([
        sql`p.amount IS NOT NULL`,
        userId !== undefined && sql`p.user_id = ${userId}::uuid`,
        orderId !== undefined && sql`p.order_id = ${orderId}::uuid`,
        state !== undefined && sql`p.state = ${state}`,
        keyset(newestFirst, after),
      ]);
      return readPayments(
        db,
        sql`
        SELECT ${paymentColumns} FROM payment.payments p WHERE ${wanted} ORDER BY ${newestFirst.by} LIMIT ${count}`,
      );
    },
  };
}
