import type { Amount } from '#kit/money/money.ts';
import type { PageQuery } from '#kit/page/page.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';
import type { ChargeOutcome, FailureCode } from './provider.ts';

/** The states of a payment. A payment of an order that was refunded before it was charged begins as `failed`. */
export const paymentStates = defineStates(
  {
    pending: ['succeeded', 'failed'],
    // Another attempt.
    failed: ['pending'],
    succeeded: ['partially_refunded', 'refunded'],
    partially_refunded: ['partially_refunded', 'refunded'],
    refunded: [],
  },
  ['pending'],
);

/** The state of a payment. */
export type PaymentState = StateOf<typeof paymentStates>;

/** A payment. */
export interface Payment {
  readonly id: string;
  /** Undefined after the account's erasure. */
  readonly userId: string | undefined;
  readonly orderId: string | undefined;
  readonly state: PaymentState;
  /** Undefined if the order was refunded before it was charged. */
  readonly amounts: Amounts | undefined;
  /** Undefined after the account's erasure. */
  readonly paymentMethod: string | undefined;
  /** Undefined after the account's erasure. */
  readonly description: string | undefined;
  readonly failureCode: FailureCode | '';
  /** Number of the current attempt, from 1. */
  readonly attempt: number;
  /** When the current attempt began. */
  readonly attemptedAt: Date;
  /** How often the provider was asked for the outcome of the current attempt. */
  readonly asks: number;
  /** When the order's refund was requested. */
  readonly refundRequestedAt: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The amounts of a payment, in one currency. */
export interface Amounts {
  readonly amount: Amount;
  /** Sum of the refunds that succeeded. */
  readonly refunded: Amount;
  /** Sum of the refunds whose outcome is not known yet. */
  readonly refunding: Amount;
}

/** A payment to make. */
export interface NewPayment {
  readonly id: string;
  readonly userId: string;
  readonly orderId?: string;
  readonly amount: Amount;
  readonly paymentMethod: string;
  readonly description: string;
}

/** Identifies an attempt: a change for an older attempt must not match. */
export type Attempt = Pick<Payment, 'id' | 'attempt'>;

/** Filters of a list of payments. */
export interface PaymentFilter {
  readonly userId: string | undefined;
  readonly orderId: string | undefined;
  readonly state: string | undefined;
}

/** Persistence port for payments. Every method is atomic. `dueIn`: delay before the provider is asked for the outcome, ms. */
export interface PaymentStore {
  /**
   * Inserts a pending payment, unless one with its id or order exists. Returns the existing one, with `isNew` false;
   * undefined if the account was erased.
   */
  begin(payment: NewPayment, dueIn: number): Promise<{ payment: Payment; isNew: boolean } | undefined>;
  /** Inserts the failed payment of an account that was erased, without its data, or returns the order's payment. */
  beginErased(payment: NewPayment, code: FailureCode): Promise<Payment>;
  /**
   * Moves an order's payment from failed to pending for the next attempt. Undefined if that attempt was made already, or
   * a refund was requested.
   */
  beginAttempt(last: Attempt, paymentMethod: string, dueIn: number): Promise<Payment | undefined>;
  /**
   * Records the outcome of an attempt and its event. Where a refund was requested, also a refund of all that was
   * captured, due now. No effect if the outcome is recorded already. Returns the payment.
   */
  settle(attempt: Attempt, outcome: ChargeOutcome): Promise<Payment>;
  /** Schedules the first question for the outcome of a pending attempt. Returns the payment. */
  askAfter(attempt: Attempt, dueIn: number): Promise<Payment>;
  /** Takes pending payments that are due, and schedules the next question for each. Of several replicas one gets each. */
  takeDue(count: number): Promise<readonly Payment[]>;
  /** @param userId only a payment of this account */
  find(id: string, userId?: string): Promise<Payment | undefined>;
  findByOrder(orderId: string): Promise<Payment | undefined>;
  /** Payments with an amount, newest first. */
  page(filter: PaymentFilter, query: PageQuery): Promise<readonly Payment[]>;
}

/** The provider's key of a payment's current attempt: the order's id, or the payment's, and the number from the second on. */
export function keyOf({ id, orderId, attempt }: Pick<Payment, 'id' | 'orderId' | 'attempt'>): string {
  const first = orderId ?? id;
  return attempt === 1 ? first : `${first}:${attempt}`;
}
