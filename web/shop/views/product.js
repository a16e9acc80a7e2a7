// @ts-check
import { isSignedIn } from '../../account/session.js';
import { showCartCount } from '../account.js';
import { addItem, getProduct } from '../api.js';
import { coverOf } from '../covers.js';
import { action, h, toast } from '../../shared/dom.js';
import { formatMoney } from '../../shared/money.js';

/**
 * One product, which can be put into the cart.
 * @param {import('../../shared/router.js').Visit} visit
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function productView({ id }) {
  const product = await getProduct(id);
  const { name, description, category, price, stock } = product;
  const quantity = h('input', { id: 'quantity', type: 'number', min: 1, max: 99, value: 1, required: true });

  async function add() {
    if (!isSignedIn()) {
      location.hash = `#/sign-in?next=${encodeURIComponent(`/products/${id}`)}`;
      return;
    }
    showCartCount(await addItem(id, quantity.valueAsNumber));
    toast(`${name} is in the cart.`);
  }

  return {
    title: name,
    content: [
      h('a', { class: 'back', href: category ? `#/?category=${category}` : '#/' }, '← All products'),
      h(
        'article',
        { class: 'product' },
        coverOf(product),
        h(
          'div',
          {},
          h('h1', {}, name),
          h('p', { class: 'price' }, formatMoney(price)),
          h('p', {}, description),
          h('p', { class: stock === 0 ? 'bad' : 'soft' }, stockText(stock)),
          h(
            'form',
            { class: 'buy', submit: action(add) },
            h('label', { for: 'quantity' }, 'Quantity'),
            quantity,
            h('button', { type: 'submit', disabled: stock === 0 }, 'Add to cart'),
          ),
        ),
      ),
    ],
  };
}

/** @param {number} stock */
function stockText(stock) {
  if (stock === 0) return 'Sold out';
  return stock < 10 ? `Only ${stock} left` : 'In stock';
}
