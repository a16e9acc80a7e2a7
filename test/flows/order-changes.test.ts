import { afterAll, beforeAll, expect, test } from 'vitest';
import { euro, openShop, type Shop } from '../shop.ts';
import { openSystem, type System } from '../system.ts';

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await openSystem({ services: ['order', 'user'] });
  shop = await openShop(system);
});
afterAll(() => system.close());

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const statesOf = (order: { history: { state: string }[] }) => order.history.map(({ state }) => state);

test('a confirmed order is cancelled: the money is given back, and the stock put back', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const { id, payment_id } = (await shop.place(ada)).json;
  const cancel = () =>
    system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: { reason: 'Ordered twice' } });
  const { status, json } = await cancel();
  expect([status, json.state]).toEqual([200, 'refunded']);
  expect(json.cancel_requested_at).toEqual(time);
  expect(statesOf(json)).toEqual(['pending', 'reserved', 'paid', 'confirmed', 'refunded']);
  expect(json.history.at(-1)).toMatchObject({ reason: 'Ordered twice', actor: 'customer' });
  expect((await cancel()).text).toBe(JSON.stringify(json));
  expect(await shop.stockOf(product)).toBe(5);
  const payment = (await system.rest('GET', `/payments/${payment_id}`, { token: ada.access })).json;
  expect([payment.state, payment.refunded_amount]).toEqual(['refunded', euro('24', 680_000_000)]);
  const ship = await system.rest('POST', `/orders/${id}:ship`, { token: shop.admin, body: {} });
  expect([ship.status, ship.json.code]).toEqual([409, 'ORDER_STATE']);
});

test('50 cancellations at once refund once, and answer the same', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const { id } = (await shop.place(ada)).json;
  const all = await Promise.all(
    Array.from({ length: 50 }, () => system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} })),
  );
  expect(new Set(all.map(({ status, json }) => `${status} ${json.state}`))).toEqual(new Set(['200 refunded']));
  expect(await shop.stockOf(product)).toBe(5);
});

test('an order whose charge is under way is cancelled, and what was captured is given back', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const placing = shop.place(ada, { payment_method: 'pm_timeout_then_ok' });
  const orders = async () => (await system.rest('GET', '/orders', { token: ada.access })).json.orders;
  await expect.poll(async () => (await orders())[0]?.state).toBe('reserved');
  const [{ id }] = await orders();
  const { status, json } = await system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} });
  expect([status, json.cancel_requested_at]).toEqual([200, time]);
  await placing;
  const order = await shop.until(ada, id, 'refunded');
  expect(order.history.at(-1)).toMatchObject({ state: 'refunded', actor: 'customer' });
  expect(await shop.stockOf(product)).toBe(5);
});

test('support ships and delivers; a shipped order cannot be cancelled', async () => {
  const token = (await system.staff('support')).access;
  const ada = await shop.customer([await shop.product(), 1]);
  const { id } = (await shop.place(ada)).json;
  const early = await system.rest('POST', `/orders/${id}:deliver`, { token, body: {} });
  expect([early.status, early.json.code]).toEqual([409, 'ORDER_STATE']);
  const own = await system.rest('POST', `/orders/${id}:ship`, { token: ada.access, body: {} });
  expect([own.status, own.json.detail]).toEqual([403, 'Needs the role admin or support.']);
  const shipped = await system.rest('POST', `/orders/${id}:ship`, { token, body: { tracking_code: 'JD0146' } });
  expect([shipped.status, shipped.json.state, shipped.json.tracking_code]).toEqual([200, 'shipped', 'JD0146']);
  const late = await system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} });
  expect([late.status, late.json.code, late.json.metadata]).toEqual([
    409,
    'ORDER_STATE',
    { order_id: id, state: 'shipped' },
  ]);
  const delivered = await system.rest('POST', `/orders/${id}:deliver`, { token, body: {} });
  expect(statesOf(delivered.json)).toEqual(['pending', 'reserved', 'paid', 'confirmed', 'shipped', 'delivered']);
  expect(delivered.json.history.at(-1)).toMatchObject({ actor: 'support' });
});

test('a reason has at most 500 characters, and a tracking code 1 to 100', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { id } = (await shop.place(ada)).json;
  const cancel = (reason: string) =>
    system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: { reason } });
  const ship = (tracking_code: string) =>
    system.rest('POST', `/orders/${id}:ship`, { token: shop.admin, body: { tracking_code } });
  const refused = [await cancel('a'.repeat(501)), await ship(''), await ship('a'.repeat(101))];
  expect(refused.map(({ json }) => json.code)).toEqual(refused.map(() => 'INVALID_ARGUMENT'));
  expect((await ship('a'.repeat(100))).json.tracking_code).toHaveLength(100);
  await shop.add(ada, await shop.product(), 1);
  const other = (await shop.place(ada)).json.id;
  const body = { reason: 'a'.repeat(500) };
  const cancelled = await system.rest('POST', `/orders/${other}:cancel`, { token: ada.access, body });
  expect(cancelled.json.history.at(-1).reason).toHaveLength(500);
});

test('a page has at most 100 orders', async () => {
  const { access: token } = await shop.customer();
  for (const path of ['/orders', '/admin/orders']) {
    const list = async (size: number) =>
      (await system.rest('GET', `${path}?page_size=${size}`, { token: path === '/orders' ? token : shop.admin }))
        .status;
    expect([await list(100), await list(101), await list(-1)], path).toEqual([200, 400, 400]);
  }
});

test('a full refund by support moves the order to refunded, and leaves the stock', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const { id, payment_id } = (await shop.place(ada)).json;
  const refund = (body: object) => system.rest('POST', `/payments/${payment_id}:refund`, { token: shop.admin, body });
  expect((await refund({ amount: euro('1') })).status).toBe(200);
  expect((await refund({})).json.state).toBe('refunded');
  const order = await shop.until(ada, id, 'refunded');
  expect(order.history.at(-1)).toMatchObject({ state: 'refunded', reason: 'PAYMENT_REFUNDED', actor: 'support' });
  expect(await shop.stockOf(product)).toBe(3);
  const late = await system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} });
  expect(late.json.code).toBe('ORDER_STATE');
});

test('lists pages of own orders by state, without their history; admins list those of anyone', async () => {
  const product = await shop.product();
  const ada = await shop.customer();
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    await shop.add(ada, product, 1);
    ids.unshift((await shop.place(ada)).json.id);
  }
  await system.rest('POST', `/orders/${ids[0]}:cancel`, { token: ada.access, body: {} });
  const list = async (path: string, token = ada.access) => (await system.rest('GET', path, { token })).json;
  const first = await list('/orders?page_size=2');
  expect(first.orders.map(({ id, history }: { id: string; history: [] }) => [id, history])).toEqual([
    [ids[0], []],
    [ids[1], []],
  ]);
  const second = await list(`/orders?page_size=2&page_token=${first.next_page_token}`);
  expect([second.orders.length, second.next_page_token]).toEqual([1, '']);
  expect((await list('/orders?state=refunded')).orders.map(({ id }: { id: string }) => id)).toEqual([ids[0]]);
  expect((await list('/orders?state=lost')).code).toBe('INVALID_ARGUMENT');
  expect((await list('/orders?page_size=101')).code).toBe('INVALID_ARGUMENT');
  const all = await list(`/admin/orders?user_id=${ada.id}&state=confirmed`, shop.admin);
  expect(all.orders.map(({ id }: { id: string }) => id)).toEqual(ids.slice(1));
  expect((await list(`/admin/orders/${ids[0]}`, shop.admin)).history).toHaveLength(5);
  const eve = await shop.customer();
  for (const [method, path] of [
    ['GET', `/orders/${ids[1]}`],
    ['GET', `/orders/${ids[1]}:watch`],
    ['POST', `/orders/${ids[1]}:cancel`],
  ] as const) {
    const { status } = await system.rest(method, path, {
      token: eve.access,
      ...(method === 'POST' ? { body: {} } : {}),
    });
    expect(status, path).toBe(404);
  }
});

test('after the deletion of the account an order keeps what was sold, and not who bought it', async () => {
  const ada = await shop.customer([await shop.product(), 2]);
  const { id, lines, payment_id } = (await shop.place(ada)).json;
  const deleted = await system.rest('DELETE', '/users/account', { token: ada.access });
  expect(deleted.status).toBe(204);
  const order = async () => (await system.rest('GET', `/admin/orders/${id}`, { token: shop.admin })).json;
  await expect.poll(async () => (await order()).user_id).toBe('');
  expect(await order()).toMatchObject({
    state: 'confirmed',
    lines,
    total: euro('24', 680_000_000),
    payment_id,
    address: { name: '', line1: '', line2: '', city: '', region: '', postal_code: '', country_code: 'GB' },
  });
});
