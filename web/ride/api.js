// @ts-check
// The methods of the API that the page calls. Every field is described in /docs.
import { call } from '../account/session.js';

/** @typedef {import('../shared/money.js').Money} Money */
/** @typedef {{ latitude: number, longitude: number }} Position degrees north and east */
/** @typedef {Position & { address: string }} Place */
/** @typedef {'requested' | 'accepted' | 'started' | 'completed' | 'cancelled' | 'expired'} State */
/** @typedef {{ id: string, state: State, user_id: string, raider_id: string, pickup?: Place, dropoff?: Place, estimated_fare: Money, fare?: Money, distance_meters: number, position?: Position, payment_state: 'none' | 'pending' | 'paid' | 'unpaid', cancelled_by: string, cancel_reason: string, requested_at: string, accepted_at?: string, started_at?: string, completed_at?: string }} Ride */

/**
 * @param {{ pickup: Place, dropoff: Place, payment_method: string }} ride
 * @param {string} key idempotency key: a repeated request with the same key books one ride
 * @returns {Promise<Ride>}
 */
export const bookRide = (ride, key) => call('POST', '/rides', ride, { 'idempotency-key': key });

/** @param {Position} position @param {number} radius meters @returns {Promise<{ rides: Ride[] }>} */
export const listOpenRides = ({ latitude, longitude }, radius) =>
  call('GET', `/rides:open?latitude=${latitude}&longitude=${longitude}&radius_meters=${radius}`);

/** @param {string} id @returns {Promise<Ride>} */
export const acceptBooking = (id) => call('POST', `/rides/${id}:accept`, {});

/** @param {string} id @returns {Promise<Ride>} */
export const startRide = (id) => call('POST', `/rides/${id}:start`, {});

/** @param {string} id @returns {Promise<Ride>} */
export const completeRide = (id) => call('POST', `/rides/${id}:complete`, {});

/** @param {string} id @param {Position} position */
export const updatePosition = (id, { latitude, longitude }) =>
  call('POST', `/rides/${id}:position`, { latitude, longitude });

/** @param {string} id @param {string} reason @returns {Promise<Ride>} */
export const cancelRide = (id, reason) => call('POST', `/rides/${id}:cancel`, { reason });

/** @param {string} id @returns {Promise<Ride>} */
export const getRide = (id) => call('GET', `/rides/${id}`);

/** @param {string} pageToken @returns {Promise<{ rides: Ride[], next_page_token: string }>} */
export const listRides = (pageToken) => call('GET', `/rides?page_size=10&page_token=${encodeURIComponent(pageToken)}`);
