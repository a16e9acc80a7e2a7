import type { Log } from '#kit/log/log.ts';
import { assertPayable } from '#kit/money/check.ts';
import { isSame } from '#kit/money/money.ts';
import { failure } from '../reasons.ts';
import { keyOf, type NewPayment, type Payment, type PaymentStore } from './payment.ts';
import { type Provider, within } from './provider.ts';

/** Delay before the provider is asked for an unknown outcome for the first time, ms. `PaymentStore` doubles it. */
export const firstAsk = 1_000;

/** Age of an attempt from which on the charge is given up if the provider has no record of it, ms. */
const giveUpAfter = 24 * 3_600_000;

/** Number of questions from which on a pending payment is logged: about 15 s. */
const asksBeforeWarning = 4;

/** The charge of an order or a ride. */
export interface OrderCharge extends Omit<NewPayment, 'id'> {
  readonly orderId: string;
  /** From 1. */
  readonly attempt: number;
}

/** Charges users. */
export interface Charges {
  /** @throws INVALID_ARGUMENT if the provider does not know the payment method, SERVICE_UNAVAILABLE */
  assertKnown(paymentMethod: string): Promise<void>;
  /**
   * Charges the caller. A payment that exists with the id is continued.
   * @returns a payment in state succeeded, or pending if the outcome is unknown; undefined if the account was erased
   * @throws INVALID_ARGUMENT, PAYMENT_DECLINED
   */
  create(payment: NewPayment): Promise<Payment | undefined>;
  /**
   * Charges a user for an order, once per attempt. Returns the order's payment as it is if the attempt was made already,
   * the attempt before it has not failed, or a refund was requested.
   * @throws INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED if the order was charged with other values
   */
  chargeOrder(charge: OrderCharge, newId: string): Promise<Payment>;
  /** Asks the provider for the outcome of a pending payment, and charges if it has no record of it. */
  resolve(payment: Payment): Promise<Payment>;
}

/** Creates the rules of charges. No transaction is open while the provider is called. */
export function createCharges(deps: {
  readonly store: PaymentStore;
  readonly provider: Provider;
  /** Timeout of a call to the provider, ms. */
  readonly timeout: number;
  /** The database's time, ms since 1970. */
  readonly now: () => number;
  readonly log: Log;
}): Charges {
  const { store, provider, timeout, now, log } = deps;
  // While a call may be under way, its outcome is not asked for, unless its process was killed.
  const dueIn = timeout + firstAsk;

  async function assertKnown(paymentMethod: string): Promise<void> {
    const isKnown = await within(timeout, (signal) => provider.knows(paymentMethod, signal)).catch((error: unknown) => {
      throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1, cause: error });
    });
    if (isKnown) return;
    throw failure('INVALID_ARGUMENT', {
      fields: [
        {
          field: 'payment_method',
          description: 'must be a payment method that the provider knows',
          reason: 'UNKNOWN_PAYMENT_METHOD',
        },
      ],
    });
  }

  /** Checks what the contract's rules cannot, before anything is written. */
  async function assertChargeable({ amount, paymentMethod }: Pick<NewPayment, 'amount' | 'paymentMethod'>) {
    assertPayable('amount', amount);
    await assertKnown(paymentMethod);
  }

  /** Charges for a pending attempt. */
  async function attempt(payment: Payment): Promise<Payment> {
    const { amounts, paymentMethod = '', description = '' } = payment;
    if (!amounts) throw new Error('a payment without an amount cannot be charged');
    const charge = { key: keyOf(payment), amount: amounts.amount, paymentMethod, description };
    try {
      const outcome = await within(timeout, (signal) => provider.charge(charge, signal));
      return await store.settle(payment, outcome);
    } catch (error) {
      log.warn({ err: error, payment_id: payment.id }, 'the outcome of a charge is unknown; it will be asked for');
      // The caller must not repeat what may have been charged: without a database, the first question remains scheduled.
      return store.askAfter(payment, firstAsk).catch(() => payment);
    }
  }

  async function resolve(payment: Payment): Promise<Payment> {
    const key = keyOf(payment);
    if (payment.asks > asksBeforeWarning) {
      log.warn({ payment_id: payment.id, asks: payment.asks }, 'the outcome of a charge is still unknown');
    }
    try {
      const status = await within(timeout, (signal) => provider.query(key, signal));
      if (status.state === 'processing') return payment;
      if (status.state !== 'absent') return await store.settle(payment, status);
      if (!isGivenUp(payment, now())) return await attempt(payment);
      return await store.settle(payment, await within(timeout, (signal) => provider.cancel(key, signal)));
    } catch (error) {
      // The next question is scheduled already.
      log.warn({ err: error, payment_id: payment.id }, 'failed to ask for the outcome of a charge');
      return payment;
    }
  }

  return {
    assertKnown,
    resolve,
    async create(wanted) {
      // A payment that exists is continued, whatever the provider says of its method now.
      if (!(await store.find(wanted.id))) await assertChargeable(wanted);
      const begun = await store.begin(wanted, dueIn);
      if (!begun) return undefined;
      const { payment: before, isNew } = begun;
      const payment = isNew ? await attempt(before) : before.state === 'pending' ? await resolve(before) : before;
      if (payment.state === 'failed') {
        throw failure('PAYMENT_DECLINED', { metadata: { payment_id: payment.id } });
      }
      return payment;
    },
    async chargeOrder(wanted, id) {
      const known = await store.findByOrder(wanted.orderId);
      if (wanted.attempt === 1) {
        if (!known) await assertChargeable(wanted);
        const begun = await store.begin({ ...wanted, id }, dueIn);
        if (!begun) return store.beginErased({ ...wanted, id }, 'provider_error');
        if (begun.isNew) return attempt(begun.payment);
        assertSame(begun.payment, wanted);
        return begun.payment;
      }
      if (!known) throw noAttemptBefore();
      assertSame(known, wanted);
      if (known.state !== 'failed' || known.attempt !== wanted.attempt - 1) return known;
      await assertChargeable(wanted);
      const begun = await store.beginAttempt(known, wanted.paymentMethod, dueIn);
      return begun ? attempt(begun) : ((await store.find(known.id)) ?? known);
    },
  };
}

/**
 * Compares a repeated charge of an order with its payment. A payment without an amount, or of an erased account, has
 * nothing to compare. Only the current attempt's payment method is known.
 * @throws IDEMPOTENCY_KEY_REUSED
 */
function assertSame({ amounts, userId, description, paymentMethod, attempt }: Payment, wanted: OrderCharge): void {
  if (!amounts || userId === undefined) return;
  const isSameMethod = attempt !== wanted.attempt || paymentMethod === wanted.paymentMethod;
  if (
    userId === wanted.userId &&
    description === wanted.description &&
    isSame(amounts.amount, wanted.amount) &&
    isSameMethod
  )
    return;
  throw failure('IDEMPOTENCY_KEY_REUSED');
}

/** Whether the provider must not be asked to charge: the money would have to be given back, or the user is gone. */
function isGivenUp({ refundRequestedAt, userId, attemptedAt }: Payment, now: number): boolean {
  return refundRequestedAt !== undefined || userId === undefined || now - attemptedAt.getTime() > giveUpAfter;
}

function noAttemptBefore() {
  return failure('INVALID_ARGUMENT', {
    fields: [
      { field: 'attempt', description: 'must be 1, because the order was not charged before', reason: 'NOT_CHARGED' },
    ],
  });
}
