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
  readonly userId: string;
  readonly amount: Amount;
  /** Empty for the payment provider's default. */
  readonly paymentMethod: string;
}

/** Persistence port for the payments of fares. */
export interface FareStore {
  /**
   * Returns the fare of an attempt that is to be made; undefined if its outcome is known already, or the account was
   * erased, whose fare stays unpaid.
   */
  due(attempt: Attempt): Promise<Fare | undefined>;
  /** Records that an attempt succeeded. Idempotent. */
  paid(attempt: Attempt): Promise<void>;
  /**
   * Records that an attempt was declined, and adds the job of the next one. Idempotent.
   * @param nextIn time until the next attempt, ms; undefined for none
   */
  declined(attempt: Attempt, nextIn: number | undefined): Promise<void>;
}

/** Port to payments. */
export interface Charges {
  /** Charges a fare, once per attempt. @throws Error if the outcome is unknown */
  charge(fare: Fare): Promise<'paid' | 'declined'>;
}

/** Returns the time from a declined attempt to the next one, ms: an hour, then a day, for a week; undefined for none. */
export function nextAttemptIn(attempt: number): number | undefined {
  if (attempt === 1) return hour;
  return attempt <= 8 ? 24 * hour : undefined;
}

/**
 * Creates the function that makes an attempt to charge a fare. A job runs it, again and again until the outcome is known.
 * @param nextIn for tests
 */
export function createCharging(deps: {
  readonly store: FareStore;
  readonly charges: Charges;
  readonly nextIn?: (attempt: number) => number | undefined;
}): (attempt: Attempt) => Promise<void> {
  const { store, charges, nextIn = nextAttemptIn } = deps;
  return async (attempt) => {
    const fare = await store.due(attempt);
    if (!fare) return;
    const outcome = await charges.charge(fare);
    if (outcome === 'paid') await store.paid(attempt);
    else await store.declined(attempt, nextIn(attempt.attempt));
  };
}
