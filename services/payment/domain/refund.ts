import type { Log } from '#kit/log/log.ts';
import { assertPayable } from '#kit/money/check.ts';
import { type Amount, compare, signOf, subtract } from '#kit/money/money.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';
import { failure } from '../reasons.ts';
import { firstAsk } from './charges.ts';
import type { Payment } from './payment.ts';
import { type Provider, type RefundOutcome, within } from './provider.ts';

/** The states of a refund. */
export const refundStates = defineStates({ pending: ['succeeded', 'failed'], succeeded: [], failed: [] }, ['pending']);

/** The state of a refund. */
export type RefundState = StateOf<typeof refundStates>;

/** A refund that the provider has to make. */
export interface Refund {
  /** The provider's key of the refund. */
  readonly id: string;
  readonly paymentId: string;
  /** The provider's key of the charge. */
  readonly chargeKey: string;
  readonly amount: Amount;
}

/** A refund to begin. */
export interface NewRefund {
  readonly id: string;
  readonly reason: string;
}

/** A refund that was begun, and its payment. */
export interface BegunRefund {
  readonly payment: Payment;
  readonly refund: Refund;
}

/** Persistence port for refunds. Every method is one transaction. `dueIn`: delay before the provider is called again, ms. */
export interface RefundStore {
  /**
   * Reserves a part of a payment and inserts its refund. The payment's row is locked while `decide` runs, so that
   * concurrent refunds never exceed what was captured.
   * @param decide returns the amount; what it throws leaves everything unchanged
   * @returns undefined for an unknown payment
   */
  begin(
    paymentId: string,
    refund: NewRefund,
    decide: (payment: Payment) => Amount,
    dueIn: number,
  ): Promise<BegunRefund | undefined>;
  /**
   * Records that an order is refunded: from then on nothing is charged for it. An order without a payment gets a failed
   * one without an amount. Inserts a refund of what `decide` returns, if that is not undefined.
   */
  beginForOrder(
    orderId: string,
    refund: NewRefund & { readonly tombstoneId: string },
    decide: (payment: Payment) => Amount | undefined,
    dueIn: number,
  ): Promise<{ readonly payment: Payment; readonly refund: Refund | undefined }>;
  /** Records the outcome of a refund, with its event. No effect if it is recorded already. Returns the payment. */
  settle(refund: Refund, outcome: RefundOutcome): Promise<Payment>;
  /** Takes pending refunds that are due, and schedules the next call for each. Of several replicas one gets each. */
  takeDue(count: number): Promise<readonly Refund[]>;
  /** Schedules the next call for a pending refund. */
  askAfter(id: string, dueIn: number): Promise<void>;
  /** A pending refund. */
  findPending(id: string): Promise<Refund | undefined>;
}

/** Gives money back. */
export interface Refunds {
  /**
   * Gives back a part of a payment, or what is left. If the outcome is unknown, the payment does not show it yet.
   * @throws INVALID_ARGUMENT, NOT_FOUND, REFUND_TOO_LARGE, FAILED_PRECONDITION if the provider refuses
   */
  refund(paymentId: string, amount: Amount | undefined, refund: NewRefund): Promise<Payment>;
  /** Gives back what is left of an order's payment, now or when its outcome is known. Idempotent. */
  refundOrder(orderId: string, refund: NewRefund & { readonly tombstoneId: string }): Promise<Payment>;
  /** Calls the provider for a pending refund. Returns the payment; undefined if the outcome is unknown. */
  resolve(refund: Refund): Promise<{ readonly payment: Payment; readonly outcome: RefundOutcome } | undefined>;
}

/** Creates the rules of refunds. No transaction is open while the provider is called. */
export function createRefunds(deps: {
  readonly store: RefundStore;
  readonly provider: Provider;
  /** Asks for the outcome of a pending payment. */
  readonly resolveCharge: (payment: Payment) => Promise<Payment>;
  /** Timeout of a call to the provider, ms. */
  readonly timeout: number;
  readonly log: Log;
}): Refunds {
  const { store, provider, resolveCharge, timeout, log } = deps;
  const dueIn = timeout + firstAsk;

  const resolve: Refunds['resolve'] = async (refund) => {
    const { id: key, chargeKey, amount, paymentId } = refund;
    try {
      const outcome = await within(timeout, (signal) => provider.refund({ key, chargeKey, amount }, signal));
      if (outcome.state === 'refused') log.error({ payment_id: paymentId }, 'the provider refused a refund');
      return { outcome, payment: await store.settle(refund, outcome) };
    } catch (error) {
      log.warn({ err: error, payment_id: paymentId }, 'the outcome of a refund is unknown; it will be asked for');
      // The caller must not repeat what may have been given back: without a database, the next call remains scheduled.
      await store.askAfter(refund.id, firstAsk).catch(() => undefined);
      return undefined;
    }
  };

  return {
    resolve,
    async refund(paymentId, amount, wanted) {
      if (amount) assertPayable('amount', amount);
      const begun = await store.begin(paymentId, wanted, (payment) => partOf(payment, amount), dueIn);
      if (!begun) throw failure('NOT_FOUND');
      const resolved = await resolve(begun.refund);
      if (resolved?.outcome.state === 'refused') {
        throw failure('FAILED_PRECONDITION', { detail: 'The payment provider refused the refund.' });
      }
      return resolved?.payment ?? begun.payment;
    },
    async refundOrder(orderId, wanted) {
      const { payment, refund } = await store.beginForOrder(orderId, wanted, leftOf, dueIn);
      if (payment.state === 'pending') return resolveCharge(payment);
      return (refund && (await resolve(refund))?.payment) ?? payment;
    },
  };
}

/** Returns what can be given back of a payment; undefined if that is nothing. */
export function leftOf({ amounts, state }: Payment): Amount | undefined {
  if (!amounts || (state !== 'succeeded' && state !== 'partially_refunded')) return undefined;
  const left = subtract(subtract(amounts.amount, amounts.refunded), amounts.refunding);
  return signOf(left) > 0 ? left : undefined;
}

/** Returns the amount of a refund. @throws REFUND_TOO_LARGE, INVALID_ARGUMENT for another currency */
function partOf(payment: Payment, wanted: Amount | undefined): Amount {
  const { amounts } = payment;
  if (wanted && amounts && wanted.currencyCode !== amounts.amount.currencyCode) {
    throw failure('INVALID_ARGUMENT', {
      fields: [
        { field: 'amount.currency_code', description: "must be the payment's currency", reason: 'OTHER_CURRENCY' },
      ],
    });
  }
  const left = leftOf(payment);
  if (!left || (wanted && compare(wanted, left) > 0)) throw failure('REFUND_TOO_LARGE');
  return wanted ?? left;
}
