import type { Amount } from '#kit/money/money.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';

/**
 * The states of a ride and their transitions. A started ride is cancelled only by the deletion of a party's account;
 * CancelRide is for the states in `cancellableStates`.
 */
export const states = defineStates(
  {
    requested: ['accepted', 'cancelled', 'expired'],
    accepted: ['started', 'cancelled'],
    started: ['completed', 'cancelled'],
    completed: [],
    cancelled: [],
    expired: [],
  },
  ['requested'],
);

/** A state of a ride. */
export type State = StateOf<typeof states>;

/** The states in which a party may cancel. */
export const cancellableStates: readonly State[] = ['requested', 'accepted'];

/** The parties of a ride: who booked it, and who accepted it. */
export type Party = 'user' | 'raider';

/** The payment of a fare. `unpaid`: the last attempt was declined. */
export type PaymentState = 'none' | 'pending' | 'paid' | 'unpaid';

/** A position on the earth (WGS 84), degrees. */
export interface Position {
  /** North, -90 to 90. */
  readonly latitude: number;
  /** East, -180 to 180. */
  readonly longitude: number;
}

/** A position with its address, which may be empty. */
export interface Place extends Position {
  readonly address: string;
}

/** A ride, as its parties see it. */
export interface Ride {
  readonly id: string;
  readonly state: State;
  /** undefined after the account's erasure. */
  readonly userId: string | undefined;
  /** undefined until it is accepted, and after the account's erasure. */
  readonly raiderId: string | undefined;
  /** undefined after the erasure of the user's account, as is `dropoff`. */
  readonly pickup: Place | undefined;
  readonly dropoff: Place | undefined;
  readonly distanceMeters: number;
  readonly estimatedFare: Amount;
  /** undefined until it is completed. */
  readonly fare: Amount | undefined;
  readonly paymentState: PaymentState;
  /** Where the raider last was. */
  readonly position: Position | undefined;
  readonly cancelledBy: Party | '';
  readonly cancelReason: string;
  readonly requestedAt: Date;
  readonly acceptedAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
}

/** Returns which party of a ride an account is; undefined for neither. */
export function partyOf({ userId, raiderId }: Pick<Ride, 'userId' | 'raiderId'>, accountId: string): Party | undefined {
  if (userId === accountId) return 'user';
  return raiderId === accountId ? 'raider' : undefined;
}

/**
 * Returns a ride as it was in each state that it passed after `seen`, and as it is; for watchers, who are shown every
 * state even if several changes were made between two reads.
 */
export function sinceState(ride: Ride, seen: State): Ride[] {
  const { acceptedAt, startedAt } = ride;
  const before = { ...ride, fare: undefined, paymentState: 'none', cancelledBy: '', cancelReason: '' } as const;
  const unfinished = { ...before, completedAt: undefined, position: undefined };
  const passed: Ride[] = [];
  const isPast = (state: State, at: Date | undefined) => at !== undefined && state !== ride.state;
  if (seen === 'requested' && isPast('accepted', acceptedAt)) {
    passed.push({ ...unfinished, state: 'accepted', startedAt: undefined });
  }
  if ((seen === 'requested' || seen === 'accepted') && isPast('started', startedAt)) {
    passed.push({ ...unfinished, state: 'started' });
  }
  return [...passed, ride];
}
