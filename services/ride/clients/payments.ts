import { createClient, type Transport } from '@connectrpc/connect';
import { type Payment, PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Charges } from '../domain/charging.ts';
import type { PaymentMethods } from '../domain/rides.ts';

/** Timeout of a charge, ms. It exceeds the payment service's timeout for its provider. */
const timeoutMs = 6_000;

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
    async charge({ rideId, userId, amount, paymentMethod, charge: attempt }) {
      const request = { orderId: rideId, userId, amount, paymentMethod, description: `Ride ${rideId}`, attempt };
      try {
        return outcomeOf(await client.chargeOrder(request, { timeoutMs }));
      } catch (error) {
        // Of the payment method alone: everything else was validated before.
        if (reasonOf(error) === 'INVALID_ARGUMENT') return 'refused';
        throw error;
      }
    },
    async outcome(rideId) {
      try {
        return outcomeOf(await client.getOrderPayment({ orderId: rideId }));
      } catch (error) {
        if (reasonOf(error) === 'NOT_FOUND') return 'declined';
        throw error;
      }
    },
  };
}

/** @throws Error if the outcome is unknown yet */
function outcomeOf({ orderId, state }: Payment): 'paid' | 'declined' {
  if (state === 'pending') throw new Error(`the outcome of the charge of ride ${orderId} is unknown yet`);
  return state === 'failed' ? 'declined' : 'paid';
}
