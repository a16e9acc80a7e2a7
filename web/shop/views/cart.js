// @ts-check
import { showCartCount } from '../account.js';
import { getCart, removeItem, updateItem } from '../api.js';
import { coverOf } from '../covers.js';
import { action, h, report } from '../../shared/dom.js';
import { readFacets } from '../facets.js';
import { formatMoney } from '../../shared/money.js';

/** @typedef {import('../api.js').Cart} Cart */
/** @typedef {import('../api.js').CartLine} CartLine */

/**
 * The cart. Each change shows the cart that the API returns.
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function cartView() {
  const content = h('div', { class: 'cart' });
  const { categoryOf } = await readFacets();
  show(await getCart());
  return { title: 'Cart', content: [h('h1', {}, 'Cart'), content] };

  /** @param {Cart} cart */
  function show(cart) {
    showCartCount(cart);
    const { lines, total } = cart;
    const isBlocked = lines.some(({ problem }) => problem === 'unavailable' || problem === 'insufficient_stock');
    if (lines.length === 0)
      content.replaceChildren(h('p', {}, 'The cart is empty. ', h('a', { href: '#/' }, 'Find something.')));
    else
      content.replaceChildren(
        h('ul', { class: 'lines' }, ...lines.map(lineOf)),
        h(
          'p',
          { class: 'total' },
          h('span', {}, 'Total'),
          h('strong', {}, total ? formatMoney(total) : '–'),
          isBlocked
            ? h('span', { class: 'bad' }, 'Change the lines that cannot be ordered.')
            : h('a', { class: 'button', href: '#/checkout' }, 'Check out'),
        ),
      );
  }

  /** @param {CartLine} line */
  function lineOf(line) {
    const { product_id: id, name, quantity, unit_price: price, line_total: sum, problem } = line;
    const isGone = problem === 'unavailable';
    const input = h('input', {
      type: 'number',
      min: 1,
      max: 99,
      value: quantity,
      'aria-label': `Quantity of ${name}`,
      disabled: isGone,
      change: () => {
        if (!input.reportValidity()) return;
        updateItem(id, input.valueAsNumber).then(show).catch(report);
      },
    });
    const remove = action(async () => show(await removeItem(id)));
    return h(
      'li',
      {},
      coverOf({ name, category: categoryOf.get(id) }),
      h(
        'div',
        {},
        h('a', { href: `#/products/${id}` }, name),
        h('p', { class: 'soft' }, isGone ? '' : `${formatMoney(price)} each`),
        problem !== '' && h('p', { class: 'bad' }, problemText(line)),
      ),
      input,
      h('strong', {}, isGone ? '–' : formatMoney(sum)),
      h('button', { type: 'button', class: 'link', 'aria-label': `Remove ${name}`, click: remove }, 'Remove'),
    );
  }
}

/** @param {CartLine} line */
function problemText({ problem, available_quantity: available, previous_unit_price: previous }) {
  if (problem === 'unavailable') return 'This product is no longer for sale.';
  if (problem === 'insufficient_stock') return available === 0 ? 'Sold out.' : `Only ${available} left.`;
  return previous ? `The price has changed. It was ${formatMoney(previous)}.` : 'The price has changed.';
}
