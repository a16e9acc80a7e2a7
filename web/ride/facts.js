// @ts-check
import { h } from '../shared/dom.js';
import { formatMoney } from '../shared/money.js';
import { formatDistance } from './geo.js';
import { nameOf, payments } from './texts.js';

/** @typedef {import('./api.js').Ride} Ride */

/**
 * Places, distance, fare and payment of a ride.
 * @param {Ride} ride
 * @returns {[name: string, value: string][]}
 */
export function factsOf({
  pickup,
  dropoff,
  distance_meters: meters,
  estimated_fare: estimate,
  fare,
  payment_state: payment,
}) {
  return [
    ['Pickup', nameOf(pickup)],
    ['Dropoff', nameOf(dropoff)],
    ['Distance', formatDistance(meters)],
    fare ? ['Fare', formatMoney(fare)] : ['Estimated fare', formatMoney(estimate)],
    ...(payments[payment] === '' ? [] : [/** @type {[string, string]} */ (['Payment', payments[payment]])]),
  ];
}

/**
 * What happened, and what is to come.
 * @param {Ride} ride
 */
export function historyOf({
  state,
  requested_at: requested,
  accepted_at: accepted,
  started_at: started,
  completed_at: completed,
}) {
  const hasEnded = state === 'cancelled' || state === 'expired';
  /** @type {[text: string, at: string | undefined][]} */
  const steps = [
    ['Booked', requested],
    ['Accepted', accepted],
    ['Started', started],
    ['Completed', completed],
  ];
  const entries = steps
    .filter(([, at]) => at !== undefined || !hasEnded)
    .map(([text, at]) =>
      at === undefined
        ? h('li', {}, text)
        : h(
            'li',
            { class: 'done' },
            h('strong', {}, text),
            h('time', { datetime: at }, new Date(at).toLocaleTimeString()),
          ),
    );
  const ending = h('li', { class: 'ended' }, h('strong', {}, state === 'expired' ? 'Expired' : 'Cancelled'));
  return hasEnded ? [...entries, ending] : entries;
}
