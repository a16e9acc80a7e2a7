// @ts-check
import { cancelOrder, getOrder } from '../api.js';
import { action, h } from '../../shared/dom.js';
import { watch } from '../../shared/events.js';
import { formatMoney } from '../../shared/money.js';

/** @typedef {import('../api.js').Order} Order */

/** The states of an order that succeeds. @type {[state: string, text: string][]} */
const path = [
  ['pending', 'Placed'],
  ['reserved', 'Stock reserved'],
  ['paid', 'Paid'],
  ['confirmed', 'Confirmed'],
  ['shipped', 'Shipped'],
  ['delivered', 'Delivered'],
];

/** @type {Record<string, string>} */
const endings = { cancelled: 'Cancelled; nothing was charged', refunded: 'Refunded' };

/**
 * One order, which follows its changes (server-sent events) until its final state.
 * @param {import('../../shared/router.js').Visit} visit
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function orderView({ id, signal }) {
  const status = h('span', { id: 'order-state', role: 'status' });
  const body = h('div');
  const header = h('header', {}, h('h1', {}, 'Order ', h('small', {}, id.slice(-8))), status);
  const leaving = new AbortController();
  signal.addEventListener('abort', () => leaving.abort());
  show(await getOrder(id));
  if (!signal.aborted) watch(`/orders/${id}:watch`, { signal: leaving.signal, onMessage: show });
  return {
    title: 'Order',
    content: [
      h('a', { class: 'back', href: '#/orders' }, '← Orders'),
      h('div', { class: 'panel order' }, header, body),
    ],
  };

  /** @param {Order} order */
  function show(order) {
    const { state, lines, total, address, tracking_code: code, cancel_requested_at: cancelling } = order;
    const isFinal = state === 'delivered' || state in endings;
    // A response that was sent before the final state may arrive after it.
    if (!isFinal && leaving.signal.aborted) return;
    if (isFinal) leaving.abort();
    const canCancel = !isFinal && state !== 'shipped' && cancelling === undefined;
    const cancel = action(async () => show(await cancelOrder(id)));
    // Screen readers announce the text when it changes.
    if (status.textContent !== state) status.textContent = state;
    status.className = `state ${state}`;
    body.replaceChildren(
      h('ol', { class: 'timeline' }, ...timelineOf(order)),
      !isFinal && cancelling !== undefined ? h('p', {}, 'The order is being cancelled.') : '',
      h(
        'ul',
        { class: 'summary' },
        ...lines.map((line) =>
          h('li', {}, h('span', {}, `${line.quantity} × ${line.name}`), formatMoney(line.line_total)),
        ),
        h('li', { class: 'total' }, h('span', {}, 'Total'), formatMoney(total)),
      ),
      h('address', {}, ...addressLines(address).map((line) => h('div', {}, line))),
      code === '' ? '' : h('p', {}, `Tracking code: ${code}`),
      canCancel ? h('button', { type: 'button', class: 'quiet', click: cancel }, 'Cancel the order') : '',
    );
  }
}

/**
 * What happened, and what is to come.
 * @param {Order} order
 */
function timelineOf({ history }) {
  const reached = new Set(history.map(({ state }) => state));
  const hasEnded = history.some(({ state }) => state in endings);
  const names = new Map(path);
  const past = history.map(({ state, at, reason }) =>
    h(
      'li',
      { class: state in endings ? 'ended' : 'done' },
      h('strong', {}, names.get(state) ?? endings[state] ?? state),
      h('time', { datetime: at }, new Date(at).toLocaleTimeString()),
      reason !== '' && h('span', { class: 'soft' }, reason),
    ),
  );
  const coming = hasEnded ? [] : path.filter(([state]) => !reached.has(state));
  return [...past, ...coming.map(([, text]) => h('li', {}, text))];
}

/** @param {import('../api.js').Address} address */
function addressLines({ name, line1, line2, postal_code: code, city, region, country_code: country }) {
  return [name, line1, line2, `${code} ${city}`, [region, country].filter(Boolean).join(', ')].filter(Boolean);
}
