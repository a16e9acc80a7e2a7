// @ts-check
import { h } from '../shared/dom.js';
import { places } from './berlin.js';

/** @typedef {import('./api.js').Place} Place */

/**
 * Fields of a place: a list to choose from, and address and coordinates of any other place.
 * @param {string} label
 * @param {() => void} onChange runs after each change by the visitor
 * @returns {{ element: HTMLElement, place(): Place | undefined, set(place: Place): void }} `place` returns undefined
 *   while there is no valid position
 */
export function placeField(label, onChange) {
  const choice = h(
    'select',
    { required: true, change: choose },
    h('option', { value: '' }, 'Choose a place'),
    ...places.map(({ address }, index) => h('option', { value: index }, address)),
    h('option', { value: 'other' }, 'Another place'),
  );
  const address = h('input', { maxlength: 200, autocomplete: 'off', input: edit });
  const latitude = coordinate(90, edit);
  const longitude = coordinate(180, edit);
  const details = h(
    'details',
    {},
    h('summary', {}, 'Address and coordinates'),
    h('label', {}, 'Address', address),
    h('div', { class: 'coordinates' }, h('label', {}, 'Latitude', latitude), h('label', {}, 'Longitude', longitude)),
  );
  const element = h(
    'div',
    { class: 'place-field', role: 'group', 'aria-label': label },
    h('label', {}, label, choice),
    details,
  );
  // A field in a closed part cannot show why it is invalid.
  for (const field of [latitude, longitude]) field.addEventListener('invalid', () => (details.open = true));
  return { element, place, set };

  function choose() {
    const chosen = places[Number(choice.value)];
    if (choice.value !== '' && chosen) set(chosen);
    else details.open = choice.value === 'other';
    onChange();
  }

  function edit() {
    choice.value = 'other';
    onChange();
  }

  /** @param {Place} place */
  function set({ latitude: north, longitude: east, address: text }) {
    const known = places.findIndex((one) => one.latitude === north && one.longitude === east);
    choice.value = known === -1 ? 'other' : String(known);
    [latitude.value, longitude.value, address.value] = [String(north), String(east), text];
  }

  function place() {
    // checkValidity() would open the closed part.
    if (!latitude.validity.valid || !longitude.validity.valid || choice.value === '') return undefined;
    return { latitude: latitude.valueAsNumber, longitude: longitude.valueAsNumber, address: address.value.trim() };
  }
}

/**
 * @param {number} limit degrees
 * @param {() => void} input runs after each change
 */
function coordinate(limit, input) {
  return h('input', { type: 'number', required: true, step: 'any', min: -limit, max: limit, input });
}
