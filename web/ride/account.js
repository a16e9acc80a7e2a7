// @ts-check
// The part of the header that belongs to the account.
import { isSignedIn, signOut, verify } from '../account/session.js';
import { action, byId, h, report } from '../shared/dom.js';

const nav = byId('account', HTMLElement);

/** Shows the account of the session, if there is one. */
export function showAccount() {
  if (!isSignedIn()) {
    nav.replaceChildren(
      h('a', { href: '#/sign-in' }, 'Sign in'),
      h('a', { class: 'button', href: '#/sign-up' }, 'Sign up'),
    );
    return;
  }
  const name = h('span', { class: 'soft' });
  nav.replaceChildren(
    name,
    h('a', { href: '#/' }, 'Rides'),
    h('button', { type: 'button', click: action(leave) }, 'Sign out'),
  );
  showName(name).catch(report);
}

/** @param {HTMLElement} name */
async function showName(name) {
  const { user } = await verify();
  name.textContent = `${user.name} (${user.roles.join(', ')})`;
}

async function leave() {
  await signOut();
  location.hash = '#/';
}
