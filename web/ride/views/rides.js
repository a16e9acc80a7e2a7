// @ts-check
import { action, h } from '../../shared/dom.js';
import { formatMoney } from '../../shared/money.js';
import { listRides } from '../api.js';
import { routeOf } from '../texts.js';

/** The rides that the account booked or accepted, newest first. */
export async function ridesPart() {
  const list = h('ul', { class: 'lines rides' });
  let token = '';
  const more = h('button', { type: 'button', class: 'more', click: action(addPage) }, 'Show more');

  async function addPage() {
    const page = await listRides(token);
    list.append(...page.rides.map(entryOf));
    token = page.next_page_token;
    more.hidden = token === '';
  }
  await addPage();
  const isEmpty = list.childElementCount === 0;
  return h('section', {}, h('h2', {}, 'Your rides'), isEmpty ? h('p', { class: 'soft' }, 'None yet.') : list, more);
}

/** @param {import('../api.js').Ride} ride */
function entryOf(ride) {
  const { id, state, estimated_fare: estimate, fare, requested_at: at } = ride;
  return h(
    'li',
    {},
    h(
      'div',
      {},
      h('a', { href: `#/rides/${id}` }, routeOf(ride)),
      h('p', { class: 'soft' }, new Date(at).toLocaleString()),
    ),
    h('span', { class: `state ${state}` }, state),
    h('strong', {}, formatMoney(fare ?? estimate)),
  );
}
