// @ts-check
import { action, h, textIn } from '../../shared/dom.js';
import { keyPerRequest } from '../../shared/idempotency.js';
import { paymentMethods } from '../../shared/payment-methods.js';
import { bookRide } from '../api.js';
import { formatDistance, metersBetween } from '../geo.js';
import { createMap } from '../map.js';
import { placeField } from '../place-field.js';
import { problemText } from '../texts.js';

/** The form that books a ride, with a map. */
export function bookingPart() {
  const pickup = placeField('Pickup', show);
  const dropoff = placeField('Dropoff', show);
  const setsPickup = h('input', { type: 'radio', name: 'map-sets', checked: true });
  const setsDropoff = h('input', { type: 'radio', name: 'map-sets' });
  const map = createMap({
    label: 'Map of Berlin with pickup and dropoff',
    onPick(place) {
      (setsPickup.checked ? pickup : dropoff).set(place);
      show();
    },
  });
  const distance = h('p', { class: 'soft', role: 'status' });
  const error = h('p', { class: 'bad', role: 'alert' });
  const keyOf = keyPerRequest();
  const form = h(
    'form',
    { class: 'part-form', submit: action(book, (failure) => (error.textContent = problemText(failure))) },
    h('h2', {}, 'Book a ride'),
    pickup.element,
    dropoff.element,
    h(
      'label',
      {},
      'Pay with',
      h('select', { name: 'payment_method' }, ...paymentMethods.map(([value, text]) => h('option', { value }, text))),
    ),
    distance,
    error,
    h('button', { type: 'submit' }, 'Book the ride'),
  );
  show();
  return h(
    'section',
    { class: 'part', 'aria-label': 'Book a ride' },
    h(
      'div',
      {},
      map.element,
      h(
        'div',
        { class: 'map-choice', role: 'group', 'aria-label': 'Click on the map' },
        'The map sets',
        h('label', { class: 'choice' }, setsPickup, 'the pickup'),
        h('label', { class: 'choice' }, setsDropoff, 'the dropoff'),
      ),
    ),
    form,
  );

  function show() {
    const [from, to] = [pickup.place(), dropoff.place()];
    map.show({ pickup: from, dropoff: to });
    // The next click on the map sets what is missing.
    if (from && !to) setsDropoff.checked = true;
    if (to && !from) setsPickup.checked = true;
    distance.textContent = from && to ? `${formatDistance(metersBetween(from, to))} as the crow flies` : '';
  }

  async function book() {
    error.textContent = '';
    const [from, to] = [pickup.place(), dropoff.place()];
    // The form is sent with valid fields only.
    if (!from || !to) return;
    const body = { pickup: from, dropoff: to, payment_method: textIn(form, 'payment_method') };
    const { id } = await bookRide(body, keyOf(body));
    location.hash = `#/rides/${id}`;
  }
}
