import { timestampNow } from '@bufbuild/protobuf/wkt';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderDeliveredSchema,
  OrderPlacedSchema,
  OrderRefundedSchema,
  OrderShippedSchema,
} from '#gen/proto/signet/events/v1/order_events_pb.ts';
import { createRecord } from '#kit/events/record.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Amount, State } from '../domain/order.ts';
import { order } from '../service.ts';

/** What an event says of an order. */
export interface Happened {
  readonly id: string;
  readonly userId: string | undefined;
  readonly total: Amount;
  readonly paymentId?: string | undefined;
  readonly reason?: string | undefined;
}

/**
 * Records the event of a state that an order has reached, in the transaction of the change. States without an entry are
 * no events.
 */
export type StateEvents = Readonly<
  Partial<Record<State, (tx: Pick<Statements, '$executeRaw'>, order: Happened) => Promise<unknown>>>
>;

const ids = ({ id: orderId, userId = '' }: Happened) => ({ orderId, userId });
const sold = (one: Happened) => ({ ...ids(one), total: one.total, paymentId: one.paymentId ?? '' });

/** Creates the functions that record the events of orders. */
export function createStateEvents(): StateEvents {
  const record = createRecord('order', order.produces);
  return {
    pending: (tx, one) =>
      record(tx, {
        type: OrderPlacedSchema,
        subject: one.id,
        message: { ...ids(one), total: one.total, placedAt: timestampNow() },
      }),
    confirmed: (tx, one) =>
      record(tx, {
        type: OrderConfirmedSchema,
        subject: one.id,
        message: { ...sold(one), confirmedAt: timestampNow() },
      }),
    cancelled: (tx, one) =>
      record(tx, {
        type: OrderCancelledSchema,
        subject: one.id,
        message: { ...ids(one), total: one.total, reason: one.reason ?? '', cancelledAt: timestampNow() },
      }),
    shipped: (tx, one) =>
      record(tx, { type: OrderShippedSchema, subject: one.id, message: { ...ids(one), shippedAt: timestampNow() } }),
    delivered: (tx, one) =>
      record(tx, {
        type: OrderDeliveredSchema,
        subject: one.id,
        message: { ...ids(one), deliveredAt: timestampNow() },
      }),
    refunded: (tx, one) =>
      record(tx, {
        type: OrderRefundedSchema,
        subject: one.id,
        message: { ...sold(one), reason: one.reason ?? '', refundedAt: timestampNow() },
      }),
  };
}
