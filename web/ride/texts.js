// @ts-check
import { textOf } from '../shared/problems.js';

/** @typedef {import('./api.js').Ride} Ride */
/** @typedef {import('./api.js').Place} Place */
/** @typedef {'user' | 'raider'} Party */

/** Sentences for errors, by reason. @type {Readonly<Record<string, string>>} */
const problems = {
  RIDE_TAKEN: 'Another raider was faster. This ride is taken.',
  RIDE_STATE: 'This is no longer possible: the ride has changed.',
  PERMISSION_DENIED: 'Your account lacks the role for this.',
};

/** The sentence for an error. @param {unknown} error */
export const problemText = (error) => textOf(error, problems);

/** What a state means for each party. @type {Readonly<Record<import('./api.js').State, Readonly<Record<Party, string>>>>} */
const sentences = {
  requested: { user: 'Waiting for a raider to accept.', raider: 'No raider has accepted this ride.' },
  accepted: { user: 'A raider is on the way to you.', raider: 'The ride is yours. Pick up your passenger.' },
  started: { user: 'You are on the way.', raider: 'You are on the way with your passenger.' },
  completed: { user: 'You have arrived.', raider: 'The ride is completed.' },
  cancelled: { user: 'The ride was cancelled.', raider: 'The ride was cancelled.' },
  expired: { user: 'No raider accepted in time.', raider: 'No raider accepted in time.' },
};

/**
 * What happens to a ride, in a sentence for one of its parties.
 * @param {Ride} ride
 * @param {Party} party
 */
export function sentenceOf({ state, cancelled_by: by, cancel_reason: reason }, party) {
  // Without a party, an account was deleted.
  if (state !== 'cancelled' || by === '') return sentences[state][party];
  const start = by === party ? 'You cancelled the ride' : `The ${by} cancelled the ride`;
  return reason === '' ? `${start}.` : `${start}: “${reason}”`;
}

/** The payment of the fare; empty before there is one. @type {Readonly<Record<Ride['payment_state'], string>>} */
export const payments = {
  none: '',
  pending: 'Being charged …',
  paid: 'Paid',
  unpaid: 'Declined; it is tried again later',
};

/**
 * The name of a place; unset after the deletion of an account.
 * @param {Place | undefined} place
 */
export function nameOf(place) {
  if (!place) return 'Deleted';
  return place.address === '' ? `${place.latitude.toFixed(4)}, ${place.longitude.toFixed(4)}` : place.address;
}

/** Where a ride goes. @param {Ride} ride */
export const routeOf = ({ pickup, dropoff }) => `${nameOf(pickup)} → ${nameOf(dropoff)}`;
