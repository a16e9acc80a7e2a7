// @ts-check
// The methods of the API that the shop calls. Every field is described in /docs.
import { call } from '../account/session.js';

/** @typedef {import('../shared/money.js').Money} Money */
/** @typedef {{ id: string, name: string, description: string, category: string, price: Money, stock: number }} Product */
/** @typedef {{ product_id: string, name: string, quantity: number, unit_price: Money, line_total: Money, previous_unit_price?: Money, available_quantity: number, problem: string }} CartLine */
/** @typedef {{ lines: CartLine[], total?: Money }} Cart */
/** @typedef {{ name: string, line1: string, line2: string, city: string, region: string, postal_code: string, country_code: string }} Address */
/** @typedef {{ product_id: string, name: string, quantity: number, unit_price: Money, line_total: Money }} OrderLine */
/** @typedef {{ state: string, at: string, reason: string, actor: string }} HistoryEntry */
/** @typedef {{ id: string, state: string, lines: OrderLine[], total: Money, address: Address, tracking_code: string, cancel_requested_at?: string, created_at: string, history: HistoryEntry[] }} Order */
/** @typedef {{ id: string, kind: string, title: string, body: string, data: Record<string, string>, created_at: string, read_at?: string }} Notification */

/**
 * @param {{ q?: string, category?: string, order_by?: string, currency_code?: string, page_size?: number, page_token?: string }} query
 * @returns {Promise<{ products: Product[], next_page_token: string }>}
 */
export function listProducts(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return call('GET', `/products?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`);
}

/** @param {string} id @returns {Promise<Product>} */
export const getProduct = (id) => call('GET', `/products/${id}`);

/** @returns {Promise<Cart>} */
export const getCart = () => call('GET', '/cart');

/** @param {string} productId @param {number} quantity @returns {Promise<Cart>} */
export const addItem = (productId, quantity) => call('POST', '/cart/items', { product_id: productId, quantity });

/** @param {string} productId @param {number} quantity @returns {Promise<Cart>} */
export const updateItem = (productId, quantity) => call('PATCH', `/cart/items/${productId}`, { quantity });

/** @param {string} productId @returns {Promise<Cart>} */
export const removeItem = (productId) => call('DELETE', `/cart/items/${productId}`);

/**
 * @param {{ payment_method: string, address: Address, expected_total: Money | undefined }} order
 * @param {string} key idempotency key: a repeated request with the same key places one order
 * @returns {Promise<Order>}
 */
export const placeOrder = (order, key) => call('POST', '/orders', order, { 'idempotency-key': key });

/** @param {string} pageToken @returns {Promise<{ orders: Order[], next_page_token: string }>} */
export const listOrders = (pageToken) =>
  call('GET', `/orders?page_size=10&page_token=${encodeURIComponent(pageToken)}`);

/** @param {string} id @returns {Promise<Order>} */
export const getOrder = (id) => call('GET', `/orders/${id}`);

/** @param {string} id @returns {Promise<Order>} */
export const cancelOrder = (id) => call('POST', `/orders/${id}:cancel`, {});

/** @returns {Promise<{ notifications: Notification[], unread_count: number }>} */
export const listNotifications = () => call('GET', '/notifications?page_size=20');

/** @param {string} id @returns {Promise<Notification>} */
export const markRead = (id) => call('POST', `/notifications/${id}:read`, {});

/** Marks all notifications as read. */
export const markAllRead = () => call('POST', '/notifications:readAll', {});
