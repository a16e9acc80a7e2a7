import type { MessageShape } from '@bufbuild/protobuf';
import type {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderDeliveredSchema,
  OrderRefundedSchema,
  OrderShippedSchema,
} from '#gen/proto/signet/events/v1/order_events_pb.ts';
import type { PaymentFailedSchema } from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import type {
  RideAcceptedSchema,
  RideCancelledSchema,
  RideCompletedSchema,
  RideExpiredSchema,
} from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import type {
  EmailVerificationRequestedSchema,
  PasswordChangedSchema,
  PasswordResetRequestedSchema,
  SessionCreatedSchema,
  SessionReuseDetectedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { formatMoney } from '#kit/money/money.ts';
import type { Money } from '#gen/proto/signet/type/v1/money_pb.ts';
import type { Kind } from '../domain/kinds.ts';
import type { Notice } from '../domain/notices.ts';

/** The messages of the payloads from which notices are made. */
export type PayloadSchema =
  | typeof UserRegisteredSchema
  | typeof UserDeletedSchema
  | typeof SessionCreatedSchema
  | typeof SessionReuseDetectedSchema
  | typeof PasswordChangedSchema
  | typeof PasswordResetRequestedSchema
  | typeof EmailVerificationRequestedSchema
  | typeof OrderConfirmedSchema
  | typeof OrderCancelledSchema
  | typeof OrderShippedSchema
  | typeof OrderDeliveredSchema
  | typeof OrderRefundedSchema
  | typeof PaymentFailedSchema
  | typeof RideAcceptedSchema
  | typeof RideCompletedSchema
  | typeof RideCancelledSchema
  | typeof RideExpiredSchema;

/** A payload from which notices are made. */
export type Payload = MessageShape<PayloadSchema>;

/** The notices that an event gives rise to, at most one for a user. */
export function noticesOf(payload: Payload): Notice[] {
  const notices = [noticeOf(payload)];
  if (payload.$typeName === 'signet.events.v1.RideCancelled' && payload.cancelledBy === 'user') {
    notices.push({ userId: payload.raiderId, kind: 'ride_cancelled', data: { ride_id: payload.rideId } });
  }
  // An event about an erased account has no user.
  return notices.filter((notice): notice is Notice => notice !== undefined && notice.userId !== '');
}

function noticeOf(payload: Payload): Notice | undefined {
  switch (payload.$typeName) {
    case 'signet.events.v1.UserRegistered':
      // Imported accounts and those of an operator belong to users who have not asked for mail.
      return payload.selfRegistered ? { userId: payload.userId, kind: 'welcome', data: {} } : undefined;
    case 'signet.events.v1.SessionCreated':
      if (payload.first || payload.knownPlace) return undefined;
      return { userId: payload.userId, kind: 'new_sign_in', data: { session_id: payload.sessionId } };
    case 'signet.events.v1.SessionReuseDetected':
      return { userId: payload.userId, kind: 'refresh_reuse', data: { session_id: payload.sessionId } };
    case 'signet.events.v1.PasswordChanged':
      return { userId: payload.userId, kind: 'password_changed', data: {} };
    case 'signet.events.v1.PasswordResetRequested':
      return { userId: payload.userId, kind: 'password_reset', data: {}, linkId: payload.linkId };
    case 'signet.events.v1.EmailVerificationRequested':
      return { userId: payload.userId, kind: 'email_verification', data: {}, linkId: payload.linkId };
    case 'signet.events.v1.UserDeleted':
      return undefined;
    case 'signet.events.v1.OrderConfirmed':
      return ofOrder('order_confirmed', payload, { total: textOf(payload.total) });
    case 'signet.events.v1.OrderCancelled':
      return ofOrder('order_cancelled', payload, { reason: payload.reason });
    case 'signet.events.v1.OrderShipped':
      return ofOrder('order_shipped', payload);
    case 'signet.events.v1.OrderDelivered':
      return ofOrder('order_delivered', payload);
    case 'signet.events.v1.OrderRefunded':
      return ofOrder('order_refunded', payload, { total: textOf(payload.total) });
    case 'signet.events.v1.PaymentFailed':
      return {
        userId: payload.userId,
        kind: 'payment_failed',
        data: { payment_id: payload.paymentId, amount: textOf(payload.amount) },
      };
    case 'signet.events.v1.RideAccepted':
      return ofRide('ride_accepted', payload);
    case 'signet.events.v1.RideCompleted':
      return ofRide('ride_completed', payload, { fare: textOf(payload.fare) });
    case 'signet.events.v1.RideCancelled':
      return ofRide('ride_cancelled', payload);
    case 'signet.events.v1.RideExpired':
      return ofRide('ride_expired', payload);
  }
}

function ofOrder(
  kind: Kind,
  { userId, orderId }: { readonly userId: string; readonly orderId: string },
  facts: Readonly<Record<string, string>> = {},
): Notice {
  return { userId, kind, data: { order_id: orderId, ...facts } };
}

function ofRide(
  kind: Kind,
  { userId, rideId }: { readonly userId: string; readonly rideId: string },
  facts: Readonly<Record<string, string>> = {},
): Notice {
  return { userId, kind, data: { ride_id: rideId, ...facts } };
}

/** An amount as text: EUR 12.50. */
function textOf(amount: Money | undefined): string {
  return amount ? `${amount.currencyCode} ${formatMoney(amount)}` : '';
}
