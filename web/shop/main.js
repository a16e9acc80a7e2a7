// @ts-check
import { onSessionChange, Problem } from '../account/session.js';
import { byId, h, report, textIn } from './dom.js';
import { showAccount } from './account.js';
import { cartView } from './views/cart.js';
import { checkoutView } from './views/checkout.js';
import { orderView } from './views/order.js';
import { ordersView } from './views/orders.js';
import { productView } from './views/product.js';
import { productsView } from './views/products.js';
import { signInView, signUpView } from './views/sign-in.js';

/**
 * A page of the shop. The address is in the fragment: `#/products/<id>?q=...`.
 * @typedef {object} Visit
 * @property {string} id the variable part of the path
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborts when the visitor leaves the page
 */
/** @typedef {{ title: string, content: Node[] }} View */

/** @type {[RegExp, (visit: Visit) => Promise<View>][]} */
const routes = [
  [/^\/$/, productsView],
  [/^\/products\/([\da-f-]{36})$/, productView],
  [/^\/cart$/, cartView],
  [/^\/checkout$/, checkoutView],
  [/^\/orders$/, ordersView],
  [/^\/orders\/([\da-f-]{36})$/, orderView],
  [/^\/sign-in$/, signInView],
  [/^\/sign-up$/, signUpView],
];

const main = byId('view', HTMLElement);
const search = byId('search', HTMLFormElement);
let visit = new AbortController();

function navigate() {
  visit.abort();
  visit = new AbortController();
  const address = location.hash.startsWith('#/') ? location.hash.slice(1) : '/';
  const [path = '', query = ''] = address.split('?');
  show(path, new URLSearchParams(query), visit.signal).catch(report);
}

/**
 * @param {string} path
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 */
async function show(path, query, signal) {
  const input = search.elements.namedItem('q');
  if (input instanceof HTMLInputElement) input.value = query.get('q') ?? '';
  main.setAttribute('aria-busy', 'true');
  const { title, content } = await viewOf(path, query, signal).catch((error) => errorView(error, path));
  if (signal.aborted) return;
  document.title = `${title} · Signet Shop`;
  main.replaceChildren(...content);
  main.removeAttribute('aria-busy');
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

/**
 * @param {string} path
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 * @returns {Promise<View>}
 */
async function viewOf(path, query, signal) {
  for (const [pattern, view] of routes) {
    const match = pattern.exec(path);
    if (match) return view({ id: match[1] ?? '', query, signal });
  }
  return {
    title: 'Not found',
    content: [h('h1', {}, 'This page does not exist'), h('a', { href: '#/' }, 'All products')],
  };
}

/**
 * @param {unknown} error
 * @param {string} path
 * @returns {View}
 */
function errorView(error, path) {
  if (error instanceof Problem && error.status === 401) {
    location.replace(`#/sign-in?next=${encodeURIComponent(path)}`);
    return { title: 'Sign in', content: [] };
  }
  console.warn(error);
  const text = error instanceof Problem ? error.message : 'The page failed.';
  const again = h('button', { type: 'button', click: navigate }, 'Try again');
  return { title: 'Error', content: [h('h1', {}, 'That did not work'), h('p', { role: 'alert' }, text), again] };
}

search.addEventListener('submit', (event) => {
  event.preventDefault();
  const q = textIn(search, 'q');
  location.hash = q === '' ? '#/' : `#/?q=${encodeURIComponent(q)}`;
});
window.addEventListener('hashchange', () => {
  // The link to the content leads to no other page.
  if (location.hash !== '#view') navigate();
});
onSessionChange(showAccount);
showAccount();
navigate();
