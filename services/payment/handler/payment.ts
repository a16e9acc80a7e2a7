import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { v7 as uuidv7 } from 'uuid';
import { type PaymentSchema, PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import type { MoneySchema } from '#gen/proto/signet/type/v1/money_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Idempotency } from '#kit/idempotency/idempotency.ts';
import type { Amount } from '#kit/money/money.ts';
import { type PageRequest, readPage } from '#kit/page/page.ts';
import type { Charges } from '../domain/charges.ts';
import type { Payment, PaymentFilter, PaymentStore } from '../domain/payment.ts';
import type { Refunds } from '../domain/refund.ts';
import { failure } from '../reasons.ts';

/** Implements PaymentService. The owner of a payment comes from the token, or from a service that the contract allows. */
export function paymentHandler(deps: {
  readonly charges: Charges;
  readonly refunds: Refunds;
  readonly payments: Pick<PaymentStore, 'find' | 'findByOrder' | 'page'>;
  readonly keys: Pick<Idempotency, 'once'>;
}): ServiceImpl<typeof PaymentService> {
  const { charges, refunds, payments, keys } = deps;

  async function list(filter: PaymentFilter, request: PageRequest) {
    const { items, nextPageToken } = await readPage(
      request,
      ['payments', filter.userId ?? null, filter.orderId ?? null, filter.state ?? null],
      (query) => payments.page(filter, query),
      ({ createdAt, id }) => [createdAt.toISOString(), id],
    );
    return { payments: items.map(toMessage), nextPageToken };
  }

  return {
    createPayment: (request, context) =>
      keys.once(PaymentService.method.createPayment, request, context, async (id) => {
        const { amount, paymentMethod, description } = request;
        const { subject: userId } = userOf(context.values);
        const made = await charges.create({ id, userId, amount: required(amount), paymentMethod, description });
        if (!made) throw invalidToken('its account was deleted');
        return toMessage(made);
      }),
    listPayments: (request, { values }) =>
      list({ userId: userOf(values).subject, orderId: undefined, state: undefined }, request),
    getPayment: async ({ paymentId }, { values }) => found(await payments.find(paymentId, userOf(values).subject)),
    listAllPayments: ({ userId, orderId, state, ...page }) =>
      list({ userId: given(userId), orderId: given(orderId), state }, page),
    getAnyPayment: async ({ paymentId }) => found(await payments.find(paymentId)),
    refundPayment: async ({ paymentId, amount, reason = '' }) =>
      toMessage(await refunds.refund(paymentId, amount, { id: uuidv7(), reason })),
    async chargeOrder({ orderId, userId, amount, paymentMethod, description, attempt }) {
      const charge = {
        // As the store returns them.
        orderId: orderId.toLowerCase(),
        userId: userId.toLowerCase(),
        amount: required(amount),
        paymentMethod,
        description,
        attempt: attempt || 1,
      };
      return toMessage(await charges.chargeOrder(charge, uuidv7()));
    },
    refundOrder: async ({ orderId, reason = '' }) =>
      toMessage(await refunds.refundOrder(orderId, { id: uuidv7(), tombstoneId: uuidv7(), reason })),
    getOrderPayment: async ({ orderId }) => found(await payments.findByOrder(orderId)),
    async checkPaymentMethod({ paymentMethod }) {
      await charges.assertKnown(paymentMethod);
      return {};
    },
  };
}

function found(payment: Payment | undefined): MessageInitShape<typeof PaymentSchema> {
  if (!payment) throw failure('NOT_FOUND');
  return toMessage(payment);
}

/** The contract requires the field. */
function required(amount: Amount | undefined): Amount {
  if (!amount)
    throw failure('INVALID_ARGUMENT', {
      fields: [{ field: 'amount', description: 'is required', reason: 'REQUIRED' }],
    });
  return amount;
}

/** An empty id is not a filter. */
function given(id: string): string | undefined {
  return id === '' ? undefined : id;
}

function toMessage(payment: Payment): MessageInitShape<typeof PaymentSchema> {
  const { id, state, amounts, failureCode, createdAt, updatedAt } = payment;
  return {
    id,
    state,
    ...(amounts ? { amount: toMoney(amounts.amount), refundedAmount: toMoney(amounts.refunded) } : {}),
    userId: payment.userId ?? '',
    paymentMethod: payment.paymentMethod ?? '',
    description: payment.description ?? '',
    orderId: payment.orderId ?? '',
    failureCode,
    createdAt: timestampFromDate(createdAt),
    updatedAt: timestampFromDate(updatedAt),
  };
}

function toMoney({ currencyCode, units, nanos }: Amount): MessageInitShape<typeof MoneySchema> {
  return { currencyCode, units, nanos };
}
