import type {
  PaymentFailed,
  PaymentRefunded,
  PaymentSucceeded,
} from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { join, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { type Actor, soldStates } from '../domain/order.ts';
import { type Failure, undoing } from '../domain/steps.ts';
import type { StateEvents } from './events.ts';
import { orderColumns, type OrderRow, toOrder } from './rows.ts';
import { changedChannel } from './saga.ts';

/** Effects of other services' events, in the transaction of the cursor. */
export interface Effects {
  /**
   * Wakes the driver of an order whose payment has an outcome. Where support gave the whole payment back, a confirmed
   * order becomes refunded, and one that is not confirmed yet does so after its saga. A refund by the saga has no effect:
   * the saga moves the order itself.
   */
  ofPayment(tx: Statements, payment: PaymentSucceeded | PaymentFailed | PaymentRefunded): Promise<void>;
  /** Removes what identifies users from their orders. Orders keep lines, amounts, country, times and state. */
  erase(tx: Statements, userIds: readonly string[]): Promise<void>;
}

/** Creates the effects of other services' events on orders. */
export function createEffects(events: StateEvents): Effects {
  async function refund(tx: Statements, orderId: string): Promise<void> {
    const [actor, reason]: [Actor, Failure] = ['support', 'PAYMENT_REFUNDED'];
    const isSold = sql`state IN (${join([...soldStates])})`;
    const [row] = await tx.$queryRaw<OrderRow[]>`
      WITH o AS (
        UPDATE "order".orders SET
          payment_refunded = true, version = version + 1,
          state = CASE WHEN ${isSold} THEN 'refunded' ELSE state END,
          updated_at = CASE WHEN ${isSold} THEN now() ELSE updated_at END
        WHERE id = ${orderId}::uuid AND NOT payment_refunded AND state NOT IN ('cancelled', 'refunded')
          AND (step IS NULL OR step NOT IN (${join([...undoing])}))
        RETURNING *
      ), entry AS (
        INSERT INTO "order".history (order_id, version, state, reason, actor)
        SELECT id, version, state, ${reason}, ${actor} FROM o WHERE state = 'refunded'
      )
      SELECT ${orderColumns} FROM o, pg_notify(${changedChannel}, o.id::text)`;
    const refunded = row && toOrder(row);
    if (refunded?.state === 'refunded') await events.refunded?.(tx, { ...refunded, reason });
  }

  return {
    async ofPayment(tx, payment) {
      // The payment of a ride, or of neither, has no order here.
      if (payment.orderId === '') return;
      if (payment.$typeName === 'signet.events.v1.PaymentRefunded' && payment.fullyRefunded) {
        await refund(tx, payment.orderId);
      }
      await tx.$executeRaw`SELECT pg_notify(${changedChannel}, ${payment.orderId})`;
    },
    async erase(tx, userIds) {
      // The orders first: a move of a saga that waits for their lock then writes no more of the customer's words.
      const orders = await tx.$queryRaw<{ id: string }[]>`
        UPDATE "order".orders SET
          user_id = NULL, payment_method = '', cancel_reason = '', version = version + 1,
          address = jsonb_build_object('countryCode', address -> 'countryCode')
        WHERE user_id = ANY(${[...userIds]}::uuid[])
        RETURNING id, pg_notify(${changedChannel}, id::text)::text`;
      await tx.$executeRaw`
        UPDATE "order".history SET reason = ''
        WHERE actor = ${'customer' satisfies Actor} AND order_id = ANY(${orders.map(({ id }) => id)}::uuid[])`;
    },
  };
}
