// @ts-check
// The part of the header that belongs to the account: cart, notifications, orders, sign-out.
import { isSignedIn, signOut, verify } from '../account/session.js';
import { action, byId, h, report, toast } from '../shared/dom.js';
import { watch } from '../shared/events.js';
import { getCart, listNotifications, markAllRead, markRead } from './api.js';

/** @typedef {import('./api.js').Notification} Notification */

const nav = byId('account', HTMLElement);
const inbox = byId('inbox', HTMLElement);
const cartCount = h('span', { class: 'badge', id: 'cart-count', hidden: true });
const unreadCount = h('span', { class: 'badge', id: 'unread-count', hidden: true });
let session = new AbortController();
let unread = 0;

/** Shows the account of the session, if there is one, and follows its notifications. */
export function showAccount() {
  session.abort();
  session = new AbortController();
  const { signal } = session;
  setCount(cartCount, 0);
  setUnread(0);
  inbox.replaceChildren();
  if (!isSignedIn()) {
    nav.replaceChildren(
      h('a', { href: '#/sign-in' }, 'Sign in'),
      h('a', { class: 'button', href: '#/sign-up' }, 'Sign up'),
    );
    return;
  }
  nav.replaceChildren(
    h('button', { type: 'button', popovertarget: 'inbox' }, 'Notifications', unreadCount),
    h('a', { href: '#/orders' }, 'Orders'),
    h('a', { href: '#/cart' }, 'Cart', cartCount),
    h('button', { type: 'button', click: action(leave) }, 'Sign out'),
  );
  start(signal).catch(report);
}

/** @param {AbortSignal} signal */
async function start(signal) {
  const { user } = await verify();
  if (signal.aborted) return;
  nav.setAttribute('aria-label', `Account of ${user.name}`);
  showCartCount(await getCart());
  watch('/notifications:watch', {
    signal,
    // Also after a gap in the stream, which sends new notifications only.
    onOpen: () => {
      showInbox(signal).catch(report);
    },
    onMessage: (/** @type {Notification} */ notification) => {
      toast(notification.title);
      showInbox(signal).catch(report);
    },
  });
}

async function leave() {
  await signOut();
  location.hash = '#/';
}

/**
 * Shows how many pieces a cart holds.
 * @param {import('./api.js').Cart} cart
 */
export function showCartCount({ lines }) {
  setCount(
    cartCount,
    lines.reduce((sum, { quantity }) => sum + quantity, 0),
  );
}

/** @param {AbortSignal} signal */
async function showInbox(signal) {
  const { notifications, unread_count: count } = await listNotifications();
  if (signal.aborted) return;
  setUnread(count);
  const readAll = h('button', { type: 'button', class: 'link', click: action(allRead) }, 'Mark all as read');
  inbox.replaceChildren(
    h('header', {}, h('h2', {}, 'Notifications'), count > 0 && readAll),
    notifications.length === 0 ? h('p', {}, 'Nothing yet.') : h('ul', {}, ...notifications.map(entryOf)),
  );
  async function allRead() {
    await markAllRead();
    await showInbox(signal);
  }
}

/** @param {Notification} notification */
function entryOf({ id, title, body, data, created_at: at, read_at: readAt }) {
  const order = data['order_id'];
  const entry = h(
    'li',
    { class: readAt === undefined ? 'unread' : '' },
    h('strong', {}, title),
    h('p', {}, body),
    h('time', { datetime: at }, new Date(at).toLocaleString()),
    order !== undefined && h('a', { href: `#/orders/${order}`, click: () => inbox.hidePopover() }, 'Show the order'),
    readAt === undefined && h('button', { type: 'button', class: 'link', click: action(read) }, 'Mark as read'),
  );
  async function read() {
    entry.replaceWith(entryOf(await markRead(id)));
    setUnread(unread - 1);
  }
  return entry;
}

/** @param {number} count */
function setUnread(count) {
  unread = count;
  setCount(unreadCount, count);
}

/**
 * @param {HTMLElement} badge
 * @param {number} count
 */
function setCount(badge, count) {
  badge.textContent = String(count);
  badge.hidden = count === 0;
}
