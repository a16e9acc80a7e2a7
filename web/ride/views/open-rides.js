// @ts-check
import { action, h, toast } from '../../shared/dom.js';
import { formatMoney } from '../../shared/money.js';
import { poll } from '../../shared/poll.js';
import { acceptBooking, listOpenRides } from '../api.js';
import { places } from '../berlin.js';
import { formatDistance, metersBetween } from '../geo.js';
import { createMap } from '../map.js';
import { placeField } from '../place-field.js';
import { problemText, routeOf } from '../texts.js';

/** @typedef {import('../api.js').Ride} Ride */

/** Time between two reads of the list, ms. */
const every = 3000;

/** Where the raider is; kept while the page is open. */
let here = places[1];

/**
 * The open rides near the raider, nearest first. The list follows the changes.
 * @param {AbortSignal} signal
 */
export function openRidesPart(signal) {
  const position = placeField('Your position', () => moveTo(position.place()));
  if (here) position.set(here);
  const map = createMap({
    label: 'Map of Berlin with your position and open rides',
    onPick(place) {
      position.set(place);
      moveTo(place);
    },
  });
  const radius = h(
    'select',
    { change: () => refresh() },
    ...[1000, 2000, 5000, 10_000, 50_000].map((meters) =>
      h('option', { value: meters, selected: meters === 5000 }, formatDistance(meters)),
    ),
  );
  const status = h('p', { class: 'soft', id: 'open-count', role: 'status' });
  const list = h('ul', { class: 'lines open-rides' });
  let shown = '';
  /** @type {import('../api.js').Position[]} */
  let pickups = [];
  map.show({ raider: here });
  const refresh = poll(read, { every, signal, onError: (error) => say(problemText(error)) });
  return h(
    'section',
    { class: 'part', 'aria-label': 'Open rides' },
    h('div', {}, map.element, h('p', { class: 'soft' }, 'A click on the map sets your position.')),
    h(
      'div',
      { class: 'part-form' },
      position.element,
      h('label', {}, 'Within', radius),
      h('h2', {}, 'Open rides'),
      status,
      list,
    ),
  );

  /** @param {import('../api.js').Place | undefined} place */
  function moveTo(place) {
    if (!place) return;
    here = place;
    map.show({ raider: here, others: pickups });
    refresh();
  }

  async function read() {
    if (!here) return;
    const from = here;
    const { rides } = await listOpenRides(from, Number(radius.value));
    // The list for a position that was left is replaced by the next one.
    if (signal.aborted || from !== here) return;
    pickups = rides.flatMap(({ pickup }) => (pickup ? [pickup] : []));
    map.show({ raider: from, others: pickups });
    say(rides.length === 0 ? 'None at the moment.' : `${rides.length} nearby, nearest first`);
    // A list that has not changed keeps the focus of the keyboard.
    const next = JSON.stringify([rides, from]);
    if (next === shown) return;
    shown = next;
    const focused = document.activeElement?.id;
    list.replaceChildren(...rides.map((ride) => entryOf(ride, from)));
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {string} text */
  function say(text) {
    // Screen readers announce the text when it changes.
    if (status.textContent !== text) status.textContent = text;
  }

  /** @param {unknown} error */
  function refuse(error) {
    toast(problemText(error));
    refresh();
  }

  /**
   * @param {Ride} ride
   * @param {import('../api.js').Position} from
   */
  function entryOf(ride, from) {
    const { id, pickup, distance_meters: meters, estimated_fare: fare, requested_at: at } = ride;
    const away = pickup ? `${formatDistance(metersBetween(from, pickup))} away` : '';
    const time = new Date(at).toLocaleTimeString();
    async function accept() {
      await acceptBooking(id);
      location.hash = `#/rides/${id}`;
    }
    const label = `Accept the ride ${routeOf(ride)}`;
    return h(
      'li',
      {},
      h(
        'div',
        {},
        routeOf(ride),
        h('p', { class: 'soft' }, `${away} · ${formatDistance(meters)} ride · booked at ${time}`),
      ),
      h('strong', {}, formatMoney(fare)),
      h('button', { type: 'button', id: `accept-${id}`, 'aria-label': label, click: action(accept, refuse) }, 'Accept'),
    );
  }
}
