import type { Amount } from '#kit/money/money.ts';

/** Why a payment failed. */
export type FailureCode = 'card_declined' | 'provider_error' | 'expired';

/** A charge: authorization and capture in one step. */
export interface Charge {
  /** Identifies the charge at the provider, which makes at most one charge per key. */
  readonly key: string;
  readonly amount: Amount;
  /** Reference of the payment method; empty for the provider's default. */
  readonly paymentMethod: string;
  readonly description: string;
}

/** The certain outcome of a charge. */
export type ChargeOutcome = { readonly state: 'captured' } | { readonly state: 'refused'; readonly code: FailureCode };

/** What the provider knows of a charge. `absent`: it has no record of the key. */
export type ChargeStatus = ChargeOutcome | { readonly state: 'processing' } | { readonly state: 'absent' };

/** A refund of a part of a captured charge. */
export interface ProviderRefund {
  /** Identifies the refund at the provider, which makes at most one refund per key. */
  readonly key: string;
  /** Key of the charge. */
  readonly chargeKey: string;
  readonly amount: Amount;
}

/** The certain outcome of a refund. */
export type RefundOutcome = { readonly state: 'refunded' } | { readonly state: 'refused' };

/** What a webhook is about. */
export interface Notice {
  /** Key of a charge or a refund. */
  readonly key: string;
}

/**
 * A payment provider. A method that rejects, or does not resolve in time, has an unknown outcome: it is never taken for a
 * refusal. Errors must not contain credentials, because they are logged. `signal` aborts at the timeout.
 */
export interface Provider {
  /** Returns whether a payment method can be charged. */
  knows(paymentMethod: string, signal: AbortSignal): Promise<boolean>;
  /** Charges, or returns the outcome of the charge with the same key. */
  charge(charge: Charge, signal: AbortSignal): Promise<ChargeOutcome>;
  /** Returns what is known of a charge. */
  query(key: string, signal: AbortSignal): Promise<ChargeStatus>;
  /**
   * Gives a charge up that the provider has no record of: from then on `charge` refuses its key. Returns the outcome of a
   * charge that was made before.
   */
  cancel(key: string, signal: AbortSignal): Promise<ChargeOutcome>;
  /** Gives money back, or returns the outcome of the refund with the same key. */
  refund(refund: ProviderRefund, signal: AbortSignal): Promise<RefundOutcome>;
  /**
   * Reads a webhook. It may arrive late, more than once and out of order, so it is only a reason to query.
   * @throws Error if the signature is not the provider's
   */
  receive(body: Uint8Array, signature: string): Notice;
}

/**
 * Calls the provider with a timeout, also if the call ignores its signal.
 * @throws the error of the call, or TimeoutError: the outcome is unknown
 */
export async function within<T>(timeout: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const timer = Promise.withResolvers<never>();
  const timeoutError = () => {
    const error = new DOMException(`no answer of the payment provider within ${timeout} ms`, 'TimeoutError');
    late.abort(error);
    timer.reject(error);
  };
  const handle = setTimeout(timeoutError, timeout);
  try {
    return await Promise.race([call(late.signal), timer.promise]);
  } finally {
    clearTimeout(handle);
  }
}
