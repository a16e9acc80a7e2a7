// @ts-check
import { Problem } from '../../account/session.js';
import { showCartCount } from '../account.js';
import { getCart, placeOrder } from '../api.js';
import { action, h, report, textIn } from '../../shared/dom.js';
import { keyPerRequest } from '../../shared/idempotency.js';
import { formatMoney } from '../../shared/money.js';
import { paymentMethods } from '../../shared/payment-methods.js';

/** @typedef {import('../api.js').Cart} Cart */

/** @type {[name: string, text: string, autocomplete: string, required: boolean, length: number][]} */
const fields = [
  ['name', 'Name', 'name', true, 200],
  ['line1', 'Street and number', 'address-line1', true, 200],
  ['line2', 'Second line', 'address-line2', false, 200],
  ['postal_code', 'Postal code', 'postal-code', true, 20],
  ['city', 'City', 'address-level2', true, 200],
  ['region', 'State or region', 'address-level1', false, 200],
];

/** @type {[code: string, name: string][]} */
const countries = [
  ['AT', 'Austria'],
  ['BE', 'Belgium'],
  ['CH', 'Switzerland'],
  ['DE', 'Germany'],
  ['ES', 'Spain'],
  ['FR', 'France'],
  ['GB', 'United Kingdom'],
  ['IE', 'Ireland'],
  ['IT', 'Italy'],
  ['NL', 'Netherlands'],
  ['PL', 'Poland'],
  ['US', 'United States'],
];

/**
 * Address and payment of an order.
 * @returns {Promise<import('../../shared/router.js').View>}
 */
export async function checkoutView() {
  let cart = await getCart();
  const summary = h('ul', { class: 'summary' });
  const error = h('p', { class: 'bad', role: 'alert' });
  const button = h('button', { type: 'submit' });
  showCart();
  const keyOf = keyPerRequest();
  const form = h(
    'form',
    { class: 'checkout', submit: action(order, showError) },
    h(
      'fieldset',
      {},
      h('legend', {}, 'Deliver to'),
      ...fields.map(([name, text, autocomplete, required, maxlength]) =>
        h(
          'label',
          {},
          h('span', {}, text, !required && h('small', {}, ' (optional)')),
          h('input', { name, autocomplete, required, maxlength }),
        ),
      ),
      h(
        'label',
        {},
        'Country',
        h(
          'select',
          { name: 'country_code', autocomplete: 'country' },
          ...countries.map(([value, text]) => h('option', { value, selected: value === 'DE' }, text)),
        ),
      ),
    ),
    h(
      'fieldset',
      {},
      h('legend', {}, 'Pay with'),
      ...paymentMethods.map(([value, text], index) =>
        h(
          'label',
          { class: 'choice' },
          h('input', { type: 'radio', name: 'payment_method', value, checked: index === 0 }),
          text,
        ),
      ),
      h('p', { class: 'soft' }, 'A sandbox: no money moves.'),
    ),
    h('fieldset', {}, h('legend', {}, 'Your order'), summary, error, button),
  );
  return { title: 'Check out', content: [h('h1', {}, 'Check out'), form] };

  async function order() {
    error.replaceChildren();
    const address = {
      name: textIn(form, 'name'),
      line1: textIn(form, 'line1'),
      line2: textIn(form, 'line2'),
      city: textIn(form, 'city'),
      region: textIn(form, 'region'),
      postal_code: textIn(form, 'postal_code'),
      country_code: textIn(form, 'country_code'),
    };
    const body = {
      payment_method: textIn(form, 'payment_method'),
      address,
      expected_total: cart.total,
    };
    const { id } = await placeOrder(body, keyOf(body));
    showCartCount(await getCart());
    location.hash = `#/orders/${id}`;
  }

  /** @param {unknown} failure */
  function showError(failure) {
    const isExpected = failure instanceof Problem;
    if (!isExpected) console.warn(failure);
    const { order_id: id } = isExpected ? failure.metadata : {};
    error.replaceChildren(
      isExpected ? failure.message : 'The page failed. Reload it.',
      ...(id === undefined ? [] : [' ', h('a', { href: `#/orders/${id}` }, 'Show the order.')]),
    );
    // Price or stock may have changed. Without a response the order may exist: pressed again, the button sends the same
    // request with the same key.
    if (isExpected && failure.status >= 400 && failure.status < 500) readCart().catch(report);
  }

  async function readCart() {
    cart = await getCart();
    showCart();
  }

  function showCart() {
    summary.replaceChildren(
      ...cart.lines.map((line) =>
        h('li', {}, h('span', {}, `${line.quantity} × ${line.name}`), formatMoney(line.line_total)),
      ),
    );
    button.textContent = cart.total ? `Order and pay ${formatMoney(cart.total)}` : 'The cart is empty';
    button.disabled = cart.total === undefined;
  }
}
