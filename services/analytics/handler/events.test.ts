import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import {
  SessionCreatedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { OrderConfirmedSchema } from '#gen/proto/signet/events/v1/order_events_pb.ts';
import { PaymentRefundedSchema, PaymentSucceededSchema } from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { factsOf, type Payload } from './events.ts';

const recorded = new Date('2026-11-26T12:00:00Z');
const happened = new Date('2026-11-26T11:59:59.123Z');
const at = timestampFromDate(happened);
const factsIn = (message: Payload) => factsOf([{ id: 'e1', time: recorded, message }]);
const amount = { currencyCode: 'EUR', units: 12n, nanos: 340_000_000 };

test('a registration by the user is a signup; that of an import or of the first administrator is none', () => {
  const registered = { userId: 'ada', roles: ['user'], registeredAt: at };
  expect(factsIn(create(UserRegisteredSchema, { ...registered, selfRegistered: true }))).toEqual([
    { id: 'e1', kind: 'signup', at: happened },
  ]);
  expect(factsIn(create(UserRegisteredSchema, registered))).toEqual([]);
});

test('a session is a login of its user, when the event was recorded', () => {
  expect(factsIn(create(SessionCreatedSchema, { userId: 'ada', sessionId: 's1' }))).toEqual([
    { id: 'e1', kind: 'login', at: recorded, userId: 'ada' },
  ]);
});

test('a confirmed order is counted; its total is no revenue, which its payment is', () => {
  expect(
    factsIn(create(OrderConfirmedSchema, { orderId: 'o1', userId: 'ada', total: amount, confirmedAt: at })),
  ).toEqual([{ id: 'e1', kind: 'order', at: happened }]);
});

test('a capture has its amount, and a refund what this refund gave back', () => {
  expect(factsIn(create(PaymentSucceededSchema, { paymentId: 'p1', amount, succeededAt: at }))).toEqual([
    { id: 'e1', kind: 'capture', at: happened, amount: expect.objectContaining(amount) },
  ]);
  const refundedAmount = { ...amount, units: 100n };
  expect(factsIn(create(PaymentRefundedSchema, { paymentId: 'p1', amount, refundedAmount, refundedAt: at }))).toEqual([
    { id: 'e1', kind: 'refund', at: happened, amount: { currencyCode: 'EUR', units: -12n, nanos: -340_000_000 } },
  ]);
});

test('a deletion is no fact', () => {
  expect(factsIn(create(UserDeletedSchema, { userId: 'ada', deletedAt: at }))).toEqual([]);
});
