import type { MessageShape } from '@bufbuild/protobuf';
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import type {
  SessionCreatedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { OrderConfirmedSchema } from '#gen/proto/signet/events/v1/order_events_pb.ts';
import type { PaymentRefundedSchema, PaymentSucceededSchema } from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import type { RideCompletedSchema } from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import type { FollowedEvent } from '#kit/events/types.ts';
import { times } from '#kit/money/money.ts';
import type { Fact } from '../domain/facts.ts';

/** The messages of the payloads from which facts are made. */
export type PayloadSchema =
  | typeof UserRegisteredSchema
  | typeof SessionCreatedSchema
  | typeof UserDeletedSchema
  | typeof OrderConfirmedSchema
  | typeof PaymentSucceededSchema
  | typeof PaymentRefundedSchema
  | typeof RideCompletedSchema;

/** A payload from which facts are made. */
export type Payload = MessageShape<PayloadSchema>;

/** An event of one of these payloads. */
export type FactEvent = Pick<FollowedEvent, 'id' | 'time'> & { readonly message: Payload };

/** The facts that events give rise to, in their order. */
export function factsOf(events: readonly FactEvent[]): Fact[] {
  return events.flatMap(({ id, time, message }) => {
    const fact = factOf(message, time);
    return fact ? [{ id, ...fact }] : [];
  });
}

/** @param time when the event was recorded, for payloads without a time */
function factOf(payload: Payload, time: Date): Omit<Fact, 'id'> | undefined {
  switch (payload.$typeName) {
    case 'signet.events.v1.UserRegistered':
      // Imported accounts and the first administrator's are not signups.
      return payload.selfRegistered ? { kind: 'signup', at: dateOf(payload.registeredAt, time) } : undefined;
    case 'signet.events.v1.SessionCreated':
      return { kind: 'login', at: time, userId: payload.userId };
    case 'signet.events.v1.OrderConfirmed':
      return { kind: 'order', at: dateOf(payload.confirmedAt, time) };
    case 'signet.events.v1.PaymentSucceeded':
      return payload.amount && { kind: 'capture', at: dateOf(payload.succeededAt, time), amount: payload.amount };
    case 'signet.events.v1.PaymentRefunded':
      return (
        payload.amount && { kind: 'refund', at: dateOf(payload.refundedAt, time), amount: times(payload.amount, -1) }
      );
    case 'signet.events.v1.RideCompleted':
      return { kind: 'ride', at: dateOf(payload.completedAt, time) };
    case 'signet.events.v1.UserDeleted':
      return undefined;
  }
}

function dateOf(timestamp: Timestamp | undefined, otherwise: Date): Date {
  return timestamp ? timestampDate(timestamp) : otherwise;
}
