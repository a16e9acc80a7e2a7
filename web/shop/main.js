// @ts-check
import { onSessionChange } from '../account/session.js';
import { byId, textIn } from '../shared/dom.js';
import { startRouter } from '../shared/router.js';
import { signInView, signUpView } from '../shared/sign-in.js';
import { showAccount } from './account.js';
import { cartView } from './views/cart.js';
import { checkoutView } from './views/checkout.js';
import { orderView } from './views/order.js';
import { ordersView } from './views/orders.js';
import { productView } from './views/product.js';
import { productsView } from './views/products.js';

const search = byId('search', HTMLFormElement);

search.addEventListener('submit', (event) => {
  event.preventDefault();
  const q = textIn(search, 'q');
  location.hash = q === '' ? '#/' : `#/?q=${encodeURIComponent(q)}`;
});
onSessionChange(showAccount);
showAccount();
startRouter({
  name: 'Signet Shop',
  home: 'All products',
  routes: [
    [/^\/$/, productsView],
    [/^\/products\/([\da-f-]{36})$/, productView],
    [/^\/cart$/, cartView],
    [/^\/checkout$/, checkoutView],
    [/^\/orders$/, ordersView],
    [/^\/orders\/([\da-f-]{36})$/, orderView],
    [/^\/sign-in$/, signInView],
    [/^\/sign-up$/, (visit) => signUpView(visit)],
  ],
  onVisit(query) {
    const input = search.elements.namedItem('q');
    if (input instanceof HTMLInputElement) input.value = query.get('q') ?? '';
  },
});
