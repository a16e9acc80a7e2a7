import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { refusal } from '#kit/guard/error.ts';
import type { SagaOrder } from '../domain/saga.ts';
import type { Step } from '../domain/steps.ts';
import { createSagaCalls } from './saga-calls.ts';

const order = {
  id: '018f3e2a-7b1c-7def-8a12-3456789abcde',
  userId: '018f3e2a-7b1c-7def-8a12-3456789abcd0',
  lines: [{ productId: '018f3e2a-7b1c-7def-8a12-3456789abcd1', quantity: 2 }],
  total: { currencyCode: 'EUR', units: 1n, nanos: 0 },
  paymentMethod: 'pm_card_ok',
  failure: undefined,
} as unknown as SagaOrder;

/** Calls of services that answer each method with a payment in a state, nothing, or an error. */
function callsTo(answer: { readonly state?: string; readonly error?: ConnectError }) {
  const requests: object[] = [];
  const act = (request: object) => {
    requests.push(request);
    if (answer.error) throw answer.error;
    return {};
  };
  const pay = (request: object) => ({ ...act(request), id: 'p', state: answer.state ?? '' });
  const transport = createRouterTransport(({ service }) => {
    service(CatalogService, { reserveStock: act, commitReservation: act, releaseReservation: act });
    service(PaymentService, { chargeOrder: pay, refundOrder: pay });
    service(CartService, { clearOrdered: act });
  });
  return { requests, calls: createSagaCalls({ catalog: transport, payment: transport, cart: transport }) };
}

const outOfStock = failure('OUT_OF_STOCK', { metadata: { product_ids: 'a,b' } });

test.each<[Step, Parameters<typeof callsTo>[0], object | string]>([
  ['reserve', {}, { kind: 'done' }],
  ['reserve', { error: outOfStock }, { kind: 'refused', failure: 'OUT_OF_STOCK', productIds: 'a,b' }],
  ['charge', { state: 'succeeded' }, { kind: 'captured', paymentId: 'p' }],
  ['charge', { state: 'partially_refunded' }, { kind: 'captured', paymentId: 'p' }],
  ['charge', { state: 'pending' }, 'pending'],
  ['charge', { state: 'failed' }, { kind: 'refused', failure: 'PAYMENT_DECLINED' }],
  ['charge', { state: 'refunded' }, { kind: 'refused', failure: 'PAYMENT_REFUNDED' }],
  ['charge', { error: failure('INVALID_ARGUMENT') }, { kind: 'refused', failure: 'INVALID_ARGUMENT' }],
  ['charge', { error: refusal('INVALID_TOKEN') }, { kind: 'refused', failure: 'ACCOUNT_DELETED' }],
  ['confirm', {}, { kind: 'done' }],
  ['confirm', { error: failure('OUT_OF_STOCK') }, { kind: 'refused', failure: 'OUT_OF_STOCK' }],
  ['clear', {}, { kind: 'done' }],
  ['refund', { state: 'refunded' }, { kind: 'returned', captured: true }],
  ['refund', { state: 'failed' }, { kind: 'returned', captured: false }],
  ['refund', { state: 'pending' }, 'pending'],
  ['refund', { state: 'succeeded' }, 'pending'],
  ['release', {}, { kind: 'done' }],
])('the step %s that is answered with %o comes to %o', async (step, answer, outcome) => {
  expect(await callsTo(answer).calls[step](order)).toEqual(outcome);
});

const unknown = [
  new ConnectError('gone', Code.Unavailable),
  new ConnectError('late', Code.DeadlineExceeded),
  failure('INTERNAL'),
  refusal('CALLER_NOT_ALLOWED'),
  failure('NOT_FOUND'),
];

test.each(['reserve', 'charge', 'confirm', 'clear', 'refund', 'release'] as const)(
  'an error of %s that is not a refusal leaves the outcome unknown',
  async (step) => {
    for (const error of unknown) await expect(callsTo({ error }).calls[step](order)).rejects.toThrow(ConnectError);
  },
);

test.each(['reserve', 'confirm', 'clear', 'release'] as const)('an invalid token is no refusal of %s', async (step) => {
  await expect(callsTo({ error: refusal('INVALID_TOKEN') }).calls[step](order)).rejects.toThrow(ConnectError);
});

test('an order of an erased account is not charged, and takes nothing off a cart', async () => {
  const { calls, requests } = callsTo({});
  const erased = { ...order, userId: undefined };
  expect(await calls.charge(erased)).toEqual({ kind: 'refused', failure: 'ACCOUNT_DELETED' });
  expect(await calls.clear(erased)).toEqual({ kind: 'done' });
  expect(requests).toEqual([]);
});
