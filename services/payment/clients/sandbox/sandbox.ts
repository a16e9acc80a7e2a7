import { setTimeout } from 'node:timers/promises';
import type { FailureCode, Provider } from '../../domain/provider.ts';
import type { Ledger } from './ledger.ts';
import type { Webhooks } from './webhooks.ts';

/** What the sandbox does with each payment method. */
const methods: Readonly<Record<string, 'ok' | 'declined' | 'late' | 'erring'>> = {
  '': 'ok',
  pm_card_ok: 'ok',
  pm_card_declined: 'declined',
  // Answers after the time-out, having charged.
  pm_timeout_then_ok: 'late',
  // Fails once, having charged.
  pm_error_after_charge: 'erring',
};

/**
 * Creates the sandbox: a provider that moves no money.
 * @param timeout timeout of the caller, ms
 */
export function createSandbox(deps: {
  readonly ledger: Ledger;
  readonly webhooks: Pick<Webhooks, 'notify' | 'receive'>;
  readonly timeout: number;
}): Provider {
  const { ledger, webhooks, timeout } = deps;
  return {
    knows: async (paymentMethod) => Object.hasOwn(methods, paymentMethod),
    async charge(charge) {
      const kind = methods[charge.paymentMethod];
      const refusal: FailureCode | undefined =
        kind === undefined ? 'provider_error' : kind === 'declined' ? 'card_declined' : undefined;
      const { outcome, isNew } = await ledger.charge(charge, refusal);
      if (!isNew) return outcome;
      webhooks.notify(charge.key);
      if (kind === 'late') await setTimeout(timeout * 2, undefined, { ref: false });
      if (kind === 'erring') throw new Error('the sandbox answers 500, having charged');
      return outcome;
    },
    query: (key) => ledger.query(key),
    cancel: (key) => ledger.cancel(key),
    async refund(refund) {
      const outcome = await ledger.refund(refund);
      webhooks.notify(refund.key);
      return outcome;
    },
    receive: webhooks.receive,
  };
}
