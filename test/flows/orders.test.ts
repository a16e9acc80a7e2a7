import { afterAll, beforeAll, expect, test } from 'vitest';
import { address, euro, openShop, type Shop } from '../shop.ts';
import { openSystem, type System } from '../system.ts';

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await openSystem({ services: ['order'] });
  shop = await openShop(system);
});
afterAll(() => system.close());

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

test('a placed order is confirmed, its stock is taken, and its lines leave the cart', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const { status, json } = await shop.place(ada, { payment_method: 'pm_card_ok' });
  expect(status).toBe(201);
  expect(json).toEqual({
    id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
    user_id: ada.id,
    state: 'confirmed',
    lines: [
      {
        product_id: product,
        sku: expect.stringMatching(/^sku-/),
        name: 'A chain',
        quantity: 2,
        unit_price: euro('12', 340_000_000),
        line_total: euro('24', 680_000_000),
      },
    ],
    total: euro('24', 680_000_000),
    address: { ...address, line2: '', region: '' },
    payment_id: expect.stringMatching(/^[\da-f-]{36}$/),
    tracking_code: '',
    created_at: time,
    updated_at: time,
    history: [
      { state: 'pending', at: time, reason: '', actor: 'customer' },
      { state: 'reserved', at: time, reason: '', actor: 'system' },
      { state: 'paid', at: time, reason: '', actor: 'system' },
      { state: 'confirmed', at: time, reason: '', actor: 'system' },
    ],
  });
  expect(await shop.stockOf(product)).toBe(3);
  expect(await shop.cart(ada)).toEqual([]);
});

test('what was added since the order stays in the cart', async () => {
  const [a, b] = [await shop.product(), await shop.product()];
  const ada = await shop.customer([a, 1]);
  const placing = shop.place(ada, { payment_method: 'pm_timeout_then_ok' });
  await expect
    .poll(async () => (await system.rest('GET', '/orders', { token: ada.access })).json.orders?.length)
    .toBe(1);
  await shop.add(ada, a, 2);
  await shop.add(ada, b, 3);
  const { json } = await placing;
  await shop.until(ada, json.id, 'confirmed');
  await expect
    .poll(() => shop.cart(ada))
    .toEqual([
      [a, 2],
      [b, 3],
    ]);
});

test.each(['pm_timeout_then_ok', 'pm_error_after_charge'])(
  'a charge by %s, whose outcome is unknown at first, is captured once and confirmed',
  async (payment_method) => {
    const ada = await shop.customer([await shop.product(), 1]);
    const began = Date.now();
    const { status, json } = await shop.place(ada, { payment_method });
    expect(status).toBe(201);
    await shop.until(ada, json.id, 'confirmed');
    expect(Date.now() - began).toBeLessThan(60_000);
    const { payments } = (await system.rest('GET', '/payments', { token: ada.access })).json;
    expect(payments).toMatchObject([{ state: 'succeeded', amount: euro('12', 340_000_000), order_id: json.id }]);
  },
);

test('a declined payment cancels the order, which keeps the cart and frees the stock', async () => {
  const product = await shop.product({ stock: 5 });
  const ada = await shop.customer([product, 2]);
  const { status, json } = await shop.place(ada, { payment_method: 'pm_card_declined' });
  expect([status, json.code]).toEqual([402, 'PAYMENT_DECLINED']);
  const order = await shop.order(ada, json.metadata.order_id);
  expect(order.state).toBe('cancelled');
  expect(order.history.at(-1)).toMatchObject({ state: 'cancelled', reason: 'PAYMENT_DECLINED', actor: 'system' });
  expect(await shop.stockOf(product)).toBe(5);
  expect(await shop.cart(ada)).toEqual([[product, 2]]);
});

test('an unknown payment method cancels the order', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { status, json } = await shop.place(ada, { payment_method: 'pm_unknown' });
  expect([status, json.code, json.errors?.[0]?.field]).toEqual([400, 'INVALID_ARGUMENT', 'payment_method']);
});

test('missing stock cancels the order and names the products; an unavailable product makes none', async () => {
  const [scarce, gone] = [await shop.product({ stock: 1 }), await shop.product()];
  const ada = await shop.customer([scarce, 2]);
  const short = await shop.place(ada);
  expect([short.status, short.json.code, short.json.metadata]).toEqual([
    409,
    'OUT_OF_STOCK',
    { product_ids: scarce, order_id: expect.any(String) },
  ]);
  expect((await shop.order(ada, short.json.metadata.order_id)).history.at(-1)).toMatchObject({
    state: 'cancelled',
    reason: 'OUT_OF_STOCK',
  });
  const eve = await shop.customer([gone, 1]);
  await system.rest('PATCH', `/products/${gone}`, { token: shop.admin, body: { active: false } });
  const refused = await shop.place(eve);
  expect([refused.status, refused.json.code, refused.json.metadata]).toEqual([
    409,
    'OUT_OF_STOCK',
    { product_ids: gone },
  ]);
  expect((await system.rest('GET', '/orders', { token: eve.access })).json.orders).toEqual([]);
});

test('of 50 customers who order the last piece one gets it', async () => {
  const product = await shop.product({ stock: 1 });
  const customers = await Promise.all(Array.from({ length: 50 }, () => shop.customer([product, 1])));
  const placed = await Promise.all(customers.map((customer) => shop.place(customer)));
  expect(placed.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(placed.filter(({ json }) => json.code === 'OUT_OF_STOCK')).toHaveLength(49);
  expect(await shop.stockOf(product)).toBe(0);
});

test('an empty cart is refused', async () => {
  const { status, json } = await shop.place(await shop.customer());
  expect([status, json.code]).toEqual([409, 'CART_EMPTY']);
});

test('a changed price is refused, unless the new total is expected', async () => {
  const product = await shop.product();
  const ada = await shop.customer([product, 2]);
  const wrong = await shop.place(ada, { expected_total: euro('24') });
  expect([wrong.status, wrong.json.code]).toEqual([409, 'PRICE_CHANGED']);
  await system.rest('PATCH', `/products/${product}`, { token: shop.admin, body: { price: euro('13') } });
  expect((await shop.place(ada)).json.code).toBe('PRICE_CHANGED');
  expect((await shop.place(ada, { expected_total: euro('24', 680_000_000) })).json.code).toBe('PRICE_CHANGED');
  expect((await system.rest('GET', '/orders', { token: ada.access })).json.orders).toEqual([]);
  const { status, json } = await shop.place(ada, { expected_total: euro('26') });
  expect([status, json.total]).toEqual([201, euro('26')]);
});

test.each<[string, object]>([
  ['without an address', { address: undefined }],
  ['without a name', { address: { ...address, name: '' } }],
  ...['name', 'line1', 'line2', 'city', 'region'].map((field): [string, object] => [
    `with a ${field} of 201 characters`,
    { address: { ...address, [field]: 'a'.repeat(201) } },
  ]),
  ['with a postal code of 21 characters', { address: { ...address, postal_code: '1'.repeat(21) } }],
  ['with an unknown country', { address: { ...address, country_code: 'EU' } }],
  ['with an unknown currency', { expected_total: { ...euro('1'), currency_code: 'ZZZ' } }],
  ['with a payment method of 65 characters', { payment_method: 'a'.repeat(65) }],
])('an order %s is refused', async (_, body) => {
  const ada = await shop.customer();
  const { status, json } = await shop.place(ada, body);
  expect([status, json.code]).toEqual([400, 'INVALID_ARGUMENT']);
});

test('a payment method of 64 characters is accepted, and the payment provider does not know it', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { status, json } = await shop.place(ada, { payment_method: 'a'.repeat(64) });
  expect([status, json.errors?.[0]?.field]).toEqual([400, 'payment_method']);
  expect((await shop.order(ada, json.metadata.order_id)).history.at(-1)).toMatchObject({
    state: 'cancelled',
    reason: 'INVALID_ARGUMENT',
  });
});

test('the longest address is accepted', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const long = 'ä'.repeat(200);
  const given = {
    name: long,
    line1: long,
    line2: long,
    city: long,
    region: long,
    postal_code: '1'.repeat(20),
    country_code: 'DE',
  };
  const { status, json } = await shop.place(ada, { address: given });
  expect([status, json.address]).toEqual([201, given]);
});

test('the same key orders once, also 50 times at once, and repeats the answer', async () => {
  const product = await shop.product({ stock: 60 });
  const ada = await shop.customer([product, 1]);
  const headers = { 'idempotency-key': 'once' };
  const all = await Promise.all(Array.from({ length: 50 }, () => shop.place(ada, {}, headers)));
  expect(new Set(all.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(all.filter((one) => one.headers.get('idempotent-replayed') !== 'true')).toHaveLength(1);
  expect(await shop.stockOf(product)).toBe(59);
  const other = await shop.place(ada, { expected_total: euro('1') }, headers);
  expect([other.status, other.json.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
});

test('a failed order is repeated by its key, an empty cart is not', async () => {
  const product = await shop.product();
  const ada = await shop.customer();
  const headers = { 'idempotency-key': 'failing' };
  expect((await shop.place(ada, { payment_method: 'pm_card_declined' }, headers)).json.code).toBe('CART_EMPTY');
  await shop.add(ada, product, 1);
  const first = await shop.place(ada, { payment_method: 'pm_card_declined' }, headers);
  expect(first.json.code).toBe('PAYMENT_DECLINED');
  const second = await shop.place(ada, { payment_method: 'pm_card_declined' }, headers);
  expect([second.status, second.json.metadata]).toEqual([402, first.json.metadata]);
  expect((await system.rest('GET', '/orders', { token: ada.access })).json.orders).toHaveLength(1);
});
