// @ts-check
import { listOrders } from '../api.js';
import { action, h } from '../../shared/dom.js';
import { formatMoney } from '../../shared/money.js';

/** @typedef {import('../api.js').Order} Order */

/**
 * The orders of the account, newest first.
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function ordersView() {
  const list = h('ul', { class: 'lines orders' });
  let token = '';
  const more = h('button', { type: 'button', class: 'more', click: action(addPage) }, 'Show more');

  async function addPage() {
    const page = await listOrders(token);
    list.append(...page.orders.map(entryOf));
    token = page.next_page_token;
    more.hidden = token === '';
  }
  await addPage();
  const isEmpty = list.childElementCount === 0;
  return { title: 'Orders', content: [h('h1', {}, 'Orders'), isEmpty ? h('p', {}, 'No orders yet.') : list, more] };
}

/** @param {Order} order */
function entryOf({ id, state, lines, total, created_at: at }) {
  const [first, ...others] = lines;
  const text = `${first?.name ?? ''}${others.length > 0 ? ` and ${others.length} more` : ''}`;
  return h(
    'li',
    {},
    h('div', {}, h('a', { href: `#/orders/${id}` }, text), h('p', { class: 'soft' }, new Date(at).toLocaleString())),
    h('span', { class: `state ${state}` }, state),
    h('strong', {}, formatMoney(total)),
  );
}
