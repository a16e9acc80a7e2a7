import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type Shop } from '../shop.ts';
import { openSystem, type Person, type System } from '../system.ts';

// The newcomer's story over REST, with every service.

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await openSystem({ services: ['order', 'notification'] });
  shop = await openShop(system);
});
afterAll(() => system.close());

const soon = { timeout: 60_000, interval: 50 };
const kindsOf = async ({ access: token }: Person) =>
  (await system.rest('GET', '/notifications', { token })).json.notifications.map(({ kind }: { kind: string }) => kind);
const mailsTo = async (email: string) =>
  (await system.rest('GET', `/admin/mails?to=${email}`, { token: shop.admin })).json.mails as {
    subject: string;
    text: string;
  }[];

test('a customer orders, gets mail, cancels, and gets the money back', async () => {
  const product = await shop.product({ stock: 10 });
  const ada = await shop.customer([product, 2]);
  const headers = { 'idempotency-key': crypto.randomUUID() };
  const placed = await shop.place(ada, {}, headers);
  expect([placed.status, placed.json.state]).toEqual([201, 'confirmed']);
  const again = await shop.place(ada, {}, headers);
  expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([placed.text, 'true']);
  await expect.poll(() => kindsOf(ada), soon).toEqual(['order_confirmed', 'welcome']);
  const { id } = placed.json;
  await expect
    .poll(async () => (await mailsTo(ada.email)).map(({ subject }) => subject), soon)
    .toEqual(['Order confirmed', 'Welcome']);
  expect((await mailsTo(ada.email))[0]?.text).toContain(`Your order ${id} is confirmed. Total: EUR 24.68.`);
  const cancelled = await system.rest('POST', `/orders/${id}:cancel`, {
    token: ada.access,
    body: { reason: 'Ordered twice' },
  });
  expect(cancelled.status).toBe(200);
  expect((await shop.until(ada, id, 'refunded')).cancel_requested_at).toBeDefined();
  expect(await shop.stockOf(product)).toBe(10);
  await expect.poll(() => kindsOf(ada), soon).toEqual(['order_refunded', 'order_confirmed', 'welcome']);
  const payments = await system.rest('GET', '/payments', { token: ada.access });
  expect(payments.json.payments).toMatchObject([{ order_id: id, state: 'refunded' }]);
});

test('the staff ship and deliver an order, and its customer hears of it', async () => {
  const product = await shop.product();
  const ada = await shop.customer([product, 1]);
  const { id } = (await shop.place(ada)).json;
  const { access: token } = await system.staff('support');
  const shipped = await system.rest('POST', `/orders/${id}:ship`, { token, body: { tracking_code: 'T1' } });
  expect([shipped.status, shipped.json.state, shipped.json.tracking_code]).toEqual([200, 'shipped', 'T1']);
  expect((await system.rest('POST', `/orders/${id}:deliver`, { token, body: {} })).json.state).toBe('delivered');
  await expect
    .poll(() => kindsOf(ada), soon)
    .toEqual(['order_delivered', 'order_shipped', 'order_confirmed', 'welcome']);
});

test('a declined payment cancels the order, and its customer hears of both', async () => {
  const product = await shop.product({ stock: 3 });
  const ada = await shop.customer([product, 3]);
  const { status, json } = await shop.place(ada, { payment_method: 'pm_card_declined' });
  expect([status, json.code]).toEqual([402, 'PAYMENT_DECLINED']);
  await expect
    .poll(async () => (await kindsOf(ada)).toSorted(), soon)
    .toEqual(['order_cancelled', 'payment_failed', 'welcome']);
  expect([await shop.stockOf(product), await shop.cart(ada)]).toEqual([3, [[product, 3]]]);
});
