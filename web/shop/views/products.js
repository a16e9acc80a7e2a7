// @ts-check
import { listProducts } from '../api.js';
import { coverOf } from '../covers.js';
import { action, h } from '../../shared/dom.js';
import { readFacets } from '../facets.js';
import { formatMoney } from '../../shared/money.js';

/** @typedef {import('../api.js').Product} Product */

/** @type {[value: string, text: string][]} */
const orders = [
  ['', 'Newest first'],
  ['name', 'By name'],
  ['price', 'Lowest price first'],
  ['-price', 'Highest price first'],
];

/**
 * Products: all of them, of a category, or those that match a search.
 * @param {import('../../shared/router.js').Visit} visit
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function productsView({ query }) {
  const { categories, currency } = await readFacets();
  const q = query.get('q') ?? '';
  const category = query.get('category') ?? '';
  const order = query.get('order') ?? '';
  const filters = {
    q,
    category,
    order_by: order,
    currency_code: order.endsWith('price') ? currency : '',
    page_size: 24,
  };
  const grid = h('ul', { class: 'grid' });
  const more = h('button', { type: 'button', class: 'more', click: action(() => addPage(token)) }, 'Show more');
  let token = '';

  /** @param {string} pageToken */
  async function addPage(pageToken) {
    const page = await listProducts({ ...filters, page_token: pageToken });
    grid.append(...page.products.map(cardOf));
    token = page.next_page_token;
    more.hidden = token === '';
  }
  await addPage('');

  const title = q ? `Results for “${q}”` : category ? capital(category) : 'Everyday things, made to last';
  return {
    title,
    content: [
      h('h1', {}, title),
      h(
        'div',
        { class: 'filters' },
        h(
          'nav',
          { 'aria-label': 'Categories' },
          ...['', ...categories].map((name) =>
            h(
              'a',
              { href: addressOf({ q, order, category: name }), 'aria-current': name === category && 'true' },
              name === '' ? 'All' : capital(name),
            ),
          ),
        ),
        h(
          'select',
          {
            'aria-label': 'Order of the products',
            change: (/** @type {Event} */ { currentTarget }) => {
              const { value } = /** @type {HTMLSelectElement} */ (currentTarget);
              location.hash = addressOf({ q, category, order: value });
            },
          },
          ...orders.map(([value, text]) =>
            h('option', { value, selected: value === order }, value === '' && q ? 'Best match first' : text),
          ),
        ),
      ),
      grid.childElementCount === 0 ? h('p', {}, 'No product matches.') : grid,
      more,
    ],
  };
}

/** @param {Product} product */
function cardOf(product) {
  const { id, name, category, price, stock } = product;
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'card', href: `#/products/${id}` },
      coverOf(product),
      h('span', { class: 'kind' }, capital(category)),
      h('strong', {}, name),
      h('span', { class: 'price' }, formatMoney(price), stock === 0 && h('em', {}, 'Sold out')),
    ),
  );
}

/** @param {Record<string, string | undefined>} parameters */
function addressOf(parameters) {
  const given = Object.entries(parameters).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return given.length === 0 ? '#/' : `#/?${new URLSearchParams(given)}`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
