import { createClient, type Transport } from '@connectrpc/connect';
import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { type Payment, PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import type { SagaCalls, SagaOrder } from '../domain/saga.ts';
import type { Failure, Outcome } from '../domain/steps.ts';

/** Timeout of a call, ms. It exceeds the payment service's timeout for its provider. */
const timeoutMs = 6_000;

/**
 * Creates the calls of the saga. They carry the order service's own token and no user's. Only the reasons named here are
 * refusals; any other error leaves the outcome unknown.
 */
export function createSagaCalls(to: {
  readonly catalog: Transport;
  readonly payment: Transport;
  readonly cart: Transport;
}): SagaCalls {
  const catalog = createClient(CatalogService, to.catalog);
  const payment = createClient(PaymentService, to.payment);
  const cart = createClient(CartService, to.cart);
  const options = { timeoutMs };

  return {
    reserve: ({ id: orderId, lines }) =>
      unlessRefused(stockRefusals, async () => {
        await catalog.reserveStock({ orderId, lines: pieces(lines) }, options);
        return { kind: 'done' };
      }),
    charge: (order) =>
      unlessRefused(chargeRefusals, async () => {
        const { id: orderId, userId, total: amount, paymentMethod } = order;
        // The account was erased since the order was read: the row has changed, too.
        if (userId === undefined) return { kind: 'refused', failure: 'ACCOUNT_DELETED' };
        const description = `Order ${orderId}`;
        return chargeOutcome(
          await payment.chargeOrder({ orderId, userId, amount, paymentMethod, description }, options),
        );
      }),
    confirm: ({ id: orderId }) =>
      unlessRefused(stockRefusals, async () => {
        await catalog.commitReservation({ orderId }, options);
        return { kind: 'done' };
      }),
    async clear({ id: orderId, userId, lines }) {
      if (userId !== undefined) await cart.clearOrdered({ orderId, userId, lines: pieces(lines) }, options);
      return { kind: 'done' };
    },
    async refund({ id: orderId, failure: reason = '' }) {
      return refundOutcome(await payment.refundOrder({ orderId, reason }, options));
    },
    async release({ id: orderId }) {
      await catalog.releaseReservation({ orderId }, options);
      return { kind: 'done' };
    },
  };
}

function pieces(lines: SagaOrder['lines']) {
  return lines.map(({ productId, quantity }) => ({ productId, quantity }));
}

/** @throws Error if the payment is in an unknown state */
function chargeOutcome({ id, state }: Payment): Outcome | 'pending' {
  switch (state) {
    case 'succeeded':
    case 'partially_refunded':
      return { kind: 'captured', paymentId: id };
    case 'failed':
      return { kind: 'refused', failure: 'PAYMENT_DECLINED' };
    case 'refunded':
      // Support gave all of it back before the saga heard of the capture.
      return { kind: 'refused', failure: 'PAYMENT_REFUNDED' };
    case 'pending':
      return 'pending';
    default:
      throw new Error(`the payment is ${state}`);
  }
}

/** `pending` while something may be left to give back. */
function refundOutcome({ state }: Payment): Outcome | 'pending' {
  if (state === 'refunded') return { kind: 'returned', captured: true };
  return state === 'failed' ? { kind: 'returned', captured: false } : 'pending';
}

/** The reasons with which a callee refuses a step for good, and what they mean for the order. */
type Refusals = Readonly<Record<string, Failure>>;

const stockRefusals: Refusals = { OUT_OF_STOCK: 'OUT_OF_STOCK' };

const chargeRefusals: Refusals = {
  // Of the payment method alone: everything else was validated before.
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  // The payment service has erased the account. The call carries no user's token that could be meant.
  INVALID_TOKEN: 'ACCOUNT_DELETED',
};

/** Makes a call, and converts its refusal. @throws any other error */
async function unlessRefused(
  refusals: Refusals,
  call: () => Promise<Outcome | 'pending'>,
): Promise<Outcome | 'pending'> {
  try {
    return await call();
  } catch (error) {
    const failure = refusals[reasonOf(error) ?? ''];
    if (failure === undefined) throw error;
    const productIds = metadataOf(infoOf(error))['product_ids'];
    return { kind: 'refused', failure, ...(productIds === undefined ? {} : { productIds }) };
  }
}
