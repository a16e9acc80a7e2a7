import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';

/** From the catalog into the cart, over REST. */

let system: System;
let admin: string;
beforeAll(async () => {
  system = await openSystem({ services: ['user', 'catalog', 'cart'] });
  admin = (await system.staff('admin')).access;
});
afterAll(() => system.close());

let made = 0;
async function product(fields: object = {}): Promise<{ id: string; sku: string; name: string }> {
  const body = { sku: `SKU-${++made}`, name: `Thing ${made}`, price: euro('10'), stock: 5, ...fields };
  const { status, json, text } = await system.rest('POST', '/products', { token: admin, body });
  expect(status, text).toBe(201);
  return json;
}
const euro = (units: string, nanos = 0) => ({ currency_code: 'EUR', units, nanos });
const change = (id: string, body: object) => system.rest('PATCH', `/products/${id}`, { token: admin, body });
const cartOf = ({ access: token }: Person) => ({
  get: () => system.rest('GET', '/cart', { token }),
  add: (product_id: string, quantity: number) =>
    system.rest('POST', '/cart/items', { token, body: { product_id, quantity } }),
  update: (id: string, quantity: number) => system.rest('PATCH', `/cart/items/${id}`, { token, body: { quantity } }),
  remove: (id: string) => system.rest('DELETE', `/cart/items/${id}`, { token }),
  clear: () => system.rest('DELETE', '/cart', { token }),
});

test('a customer finds a product, puts it into the cart, changes the quantity and removes it', async () => {
  const mug = await product({ name: 'Porcelain mug', price: euro('12', 500_000_000), stock: 5 });
  const pot = await product({ name: 'Porcelain teapot' });
  const cart = cartOf(await system.person());
  expect(await cart.get()).toMatchObject({ status: 200, json: { lines: [] } });
  expect((await cart.get()).json).not.toHaveProperty('total');
  const { json: found } = await system.rest('GET', '/products?q=porcelain%20mug');
  const added = await cart.add(found.products[0].id, 2);
  expect([added.status, added.json]).toEqual([
    200,
    {
      lines: [
        {
          product_id: mug.id,
          name: 'Porcelain mug',
          quantity: 2,
          unit_price: euro('12', 500_000_000),
          line_total: euro('25'),
          available_quantity: 5,
          problem: '',
        },
      ],
      total: euro('25'),
      updated_at: expect.stringMatching(/^2\d{3}-/),
    },
  ]);
  await cart.add(pot.id, 1);
  await cart.add(mug.id, 1);
  const updated = await cart.update(pot.id, 3);
  expect(updated.status).toBe(200);
  expect(updated.json.lines.map((line: { quantity: number }) => line.quantity)).toEqual([3, 3]);
  expect(updated.json.total).toEqual(euro('67', 500_000_000));
  expect(await cart.get()).toMatchObject({ status: 200, json: updated.json });
  for (const _ of [1, 2]) {
    const removed = await cart.remove(mug.id);
    expect([removed.status, removed.json.lines.length]).toEqual([200, 1]);
  }
  expect(await cart.clear()).toMatchObject({ status: 204, text: '' });
  expect((await cart.get()).json.lines).toEqual([]);
});

test('a line shows a changed price, missing stock, and a product that is not for sale any more', async () => {
  const { id } = await product();
  const cart = cartOf(await system.person());
  await cart.add(id, 2);
  await change(id, { price: euro('11') });
  const line = async () => (await cart.get()).json.lines[0];
  expect(await line()).toMatchObject({
    unit_price: euro('11'),
    previous_unit_price: euro('10'),
    line_total: euro('22'),
    problem: 'price_changed',
  });
  const more = await cart.add(id, 6);
  expect(more.json.lines[0]).toMatchObject({ quantity: 8, available_quantity: 5, problem: 'insufficient_stock' });
  expect(more.json.lines[0]).not.toHaveProperty('previous_unit_price');
  await change(id, { active: false });
  const gone = (await cart.get()).json;
  expect([gone.lines[0].problem, gone.lines[0].available_quantity, gone.total]).toEqual(['unavailable', 0, euro('0')]);
  expect((await cart.add(id, 1)).json.code).toBe('NOT_FOUND');
});

test('a cart is its user’s own', async () => {
  const { id } = await product();
  const [ada, eve] = [cartOf(await system.person()), cartOf(await system.person())];
  await ada.add(id, 1);
  expect((await eve.get()).json.lines).toEqual([]);
  expect((await eve.update(id, 2)).json.code).toBe('NOT_FOUND');
  await eve.remove(id);
  await eve.clear();
  expect((await ada.get()).json.lines).toHaveLength(1);
  for (const [method, path] of [
    ['GET', '/cart'],
    ['DELETE', '/cart'],
    ['DELETE', `/cart/items/${id}`],
  ] as const) {
    expect((await system.rest(method, path)).status).toBe(401);
  }
});

test('a quantity is 1 to 99, also as a sum', async () => {
  const { id } = await product();
  const cart = cartOf(await system.person());
  for (const quantity of [0, 100, -1]) {
    expect((await cart.add(id, quantity)).json.code).toBe('INVALID_ARGUMENT');
    expect((await cart.update(id, quantity)).json.code).toBe('INVALID_ARGUMENT');
  }
  expect((await cart.add(id, 99)).status).toBe(200);
  expect(await cart.add(id, 1)).toMatchObject({ status: 409, json: { code: 'QUANTITY_LIMIT' } });
  expect((await cart.update(id, 1)).status).toBe(200);
  expect((await cart.update(id, 99)).status).toBe(200);
});

test('a cart has at most 100 lines', async () => {
  const ids: string[] = [];
  for (let index = 0; index < 101; index++) ids.push((await product()).id);
  const cart = cartOf(await system.person());
  for (const id of ids.slice(0, 100)) expect((await cart.add(id, 1)).status).toBe(200);
  expect(await cart.add(ids[100]!, 1)).toMatchObject({ status: 409, json: { code: 'CART_FULL' } });
  expect((await cart.add(ids[0]!, 1)).status).toBe(200);
  expect((await cart.get()).json.lines).toHaveLength(100);
});

test('a cart has one currency', async () => {
  const [a, b] = [await product(), await product({ price: { currency_code: 'USD', units: '1' } })];
  const cart = cartOf(await system.person());
  await cart.add(a.id, 1);
  expect(await cart.add(b.id, 1)).toMatchObject({ status: 409, json: { code: 'CURRENCY_MIXED' } });
  await cart.clear();
  expect((await cart.add(b.id, 1)).json.total).toMatchObject({ currency_code: 'USD' });
});

test('the cart of a deleted account is erased, and support sees it', async () => {
  const { id } = await product();
  const person = await system.person();
  const { access: token } = await system.staff('support');
  await cartOf(person).add(id, 1);
  expect((await system.rest('DELETE', '/users/account', { token: person.access })).status).toBe(204);
  await expect
    .poll(async () => (await system.rest('GET', `/admin/erasures/${person.id}`, { token })).json.services, {
      timeout: 60_000,
    })
    .toEqual(expect.arrayContaining([{ service: 'cart', done_at: expect.any(String) }]));
  expect((await cartOf(person).add(id, 1)).status).toBe(401);
});
