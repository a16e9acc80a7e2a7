import type { Charges } from './charges.ts';
import type { PaymentStore } from './payment.ts';
import type { Refunds, RefundStore } from './refund.ts';

/** Payments, and refunds, that one process asks for at a time. */
const batch = 20;

const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Continues what has no outcome yet. */
export interface Due {
  /** Asks the provider for all payments and refunds that are due. Replicas may run it at the same time. */
  run(signal: AbortSignal): Promise<void>;
  /** Asks for the payment or refund with the provider's key. No effect for one that is not pending. */
  wake(key: string): Promise<void>;
}

/** Creates the rules of what is due. */
export function createDue(deps: {
  readonly payments: Pick<PaymentStore, 'takeDue' | 'find' | 'findByOrder'>;
  readonly refundStore: Pick<RefundStore, 'takeDue' | 'findPending'>;
  readonly charges: Pick<Charges, 'resolve'>;
  readonly refunds: Pick<Refunds, 'resolve'>;
}): Due {
  const { payments, refundStore, charges, refunds } = deps;
  return {
    async run(signal) {
      while (!signal.aborted) {
        const [due, dueRefunds] = await Promise.all([payments.takeDue(batch), refundStore.takeDue(batch)]);
        if (due.length + dueRefunds.length === 0) return;
        await Promise.all([...due.map(charges.resolve), ...dueRefunds.map(refunds.resolve)]);
      }
    },
    async wake(key) {
      // Behind the colon is the number of the attempt (`keyOf`).
      const [id = ''] = key.split(':');
      if (!uuidForm.test(id)) return;
      const payment = (await payments.findByOrder(id)) ?? (await payments.find(id));
      if (payment?.state === 'pending') await charges.resolve(payment);
      const refund = payment ? undefined : await refundStore.findPending(id);
      if (refund) await refunds.resolve(refund);
    },
  };
}
