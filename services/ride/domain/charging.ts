import type { Amount } from '#kit/money/money.ts';

const hour = 3_600_000;

/** An attempt to charge a fare. */
export interface Attempt {
  readonly rideId: string;
  /** From 1. */
  readonly attempt: number;
}

/** A fare to charge. */
export interface Fare extends Attempt {
  /** undefined after the account's erasure: nothing more is charged. */
  readonly userId: string | undefined;
  readonly amount: Amount;
  /** Number of the charge at the payment service, from 1. It rises only after a charge was declined. */
  readonly charge: number;
  /** Empty for the payment provider's default. */
  readonly paymentMethod: string;
}

/** Persistence port for the payments of fares. */
export interface FareStore {
  /** Returns the fare of an attempt that is to be made; undefined if its outcome is known already. */
  due(attempt: Attempt): Promise<Fare | undefined>;
  /** Records that an attempt succeeded. Idempotent. */
  paid(attempt: Attempt): Promise<void>;
  /**
   * Records that an attempt failed, and adds the job of the next one. Idempotent.
   * @param outcome `declined`, or `refused` if the payment service made no charge
   * @param nextIn time until the next attempt, ms; undefined for none
   */
  failed(attempt: Attempt, outcome: 'declined' | 'refused', nextIn: number | undefined): Promise<void>;
}

/** Port to payments. */
export interface Charges {
  /**
   * Charges a fare, once for each `charge`. `refused`: no charge was made, because the provider does not know the method.
   * @throws Error if the outcome is unknown
   */
  charge(fare: Fare & { readonly userId: string }): Promise<'paid' | 'declined' | 'refused'>;
  /** Returns the outcome of the charges that were made, without another one. @throws Error if it is unknown */
  outcome(rideId: string): Promise<'paid' | 'declined'>;
}

/** Returns the time from a failed attempt to the next one, ms: an hour, then a day, for a week; undefined for none. */
export function nextAttemptIn(attempt: number): number | undefined {
  if (attempt === 1) return hour;
  return attempt <= 8 ? 24 * hour : undefined;
}

/** Creates the function that makes an attempt to charge a fare. A job repeats it until the outcome is known. */
export function createCharging(deps: {
  readonly store: FareStore;
  readonly charges: Charges;
}): (attempt: Attempt) => Promise<void> {
  const { store, charges } = deps;
  return async (attempt) => {
    const fare = await store.due(attempt);
    if (!fare) return;
    const { userId } = fare;
    const outcome =
      // An earlier run may have charged before the erasure.
      userId === undefined ? await charges.outcome(fare.rideId) : await charges.charge({ ...fare, userId });
    if (outcome === 'paid') await store.paid(attempt);
    else await store.failed(attempt, outcome, userId === undefined ? undefined : nextAttemptIn(attempt.attempt));
  };
}
