import { createClient, type Transport } from '@connectrpc/connect';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Charges } from '../domain/charging.ts';
import type { PaymentMethods } from '../domain/rides.ts';

/** Timeout of a charge, ms. It exceeds the payment service's timeout for its provider. */
const timeoutMs = 6_000;

/** Reasons with which payment refuses to charge: the method is unknown, or the account was erased. */
const refusals: ReadonlySet<string | undefined> = new Set(['INVALID_ARGUMENT', 'INVALID_TOKEN']);

/** Client of the payment service. Charges carry the ride service's own token and no user's. */
export function createPayments(payment: Transport): PaymentMethods & Charges {
  const client = createClient(PaymentService, payment);
  return {
    async assertKnown(paymentMethod) {
      try {
        await client.checkPaymentMethod({ paymentMethod });
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
    async charge({ rideId, userId, amount, paymentMethod, attempt }) {
      const request = { orderId: rideId, userId, amount, paymentMethod, description: `Ride ${rideId}`, attempt };
      try {
        const { state } = await client.chargeOrder(request, { timeoutMs });
        if (state === 'pending') throw new Error(`the outcome of the charge of ride ${rideId} is unknown yet`);
        return state === 'failed' ? 'declined' : 'paid';
      } catch (error) {
        if (refusals.has(reasonOf(error))) return 'declined';
        throw error;
      }
    },
  };
}
