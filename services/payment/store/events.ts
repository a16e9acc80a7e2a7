import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  PaymentFailedSchema,
  PaymentRefundedSchema,
  PaymentSucceededSchema,
} from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { createRecord } from '#kit/events/record.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Amount } from '#kit/money/money.ts';
import type { Payment } from '../domain/payment.ts';
import { payment as service } from '../service.ts';

/** Records the events of payments, in the transaction of the change. */
export interface PaymentEvents {
  /** A payment succeeded or failed. */
  settled(tx: Pick<Statements, '$executeRaw'>, payment: Payment): Promise<void>;
  /** A part of a payment was given back. */
  refunded(tx: Pick<Statements, '$executeRaw'>, payment: Payment, part: Amount): Promise<void>;
}

/** Creates the functions that record the events of payments. */
export function createPaymentEvents(): PaymentEvents {
  const record = createRecord(service.name, service.produces);
  return {
    async settled(tx, payment) {
      const { id: subject, state, failureCode, updatedAt } = payment;
      const at = timestampFromDate(updatedAt);
      if (state === 'succeeded') {
        const message = { ...factsOf(payment), succeededAt: at };
        await record(tx, { type: PaymentSucceededSchema, subject, message });
      } else {
        const message = { ...factsOf(payment), failureCode, failedAt: at };
        await record(tx, { type: PaymentFailedSchema, subject, message });
      }
    },
    async refunded(tx, payment, part) {
      const { id: subject, amounts, state, updatedAt } = payment;
      const message = {
        ...factsOf(payment),
        amount: part,
        ...(amounts ? { refundedAmount: amounts.refunded } : {}),
        fullyRefunded: state === 'refunded',
        refundedAt: timestampFromDate(updatedAt),
      };
      await record(tx, { type: PaymentRefundedSchema, subject, message });
    },
  };
}

function factsOf({ id, userId = '', orderId = '', amounts }: Payment) {
  return { paymentId: id, userId, orderId, ...(amounts ? { amount: amounts.amount } : {}) };
}
