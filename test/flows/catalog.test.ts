import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type System } from '../system.ts';

/** The catalog over REST. */

let system: System;
let admin: string;
let customer: string;
beforeAll(async () => {
  system = await openSystem({ services: ['catalog'] });
  admin = (await system.staff('admin')).access;
  customer = (await system.person()).access;
});
afterAll(() => system.close());

let made = 0;
const valid = () => ({
  sku: `SKU-${++made}`,
  name: 'Steel mug',
  price: { currency_code: 'EUR', units: '12', nanos: 500_000_000 },
});
const create = (body: object, token: string | undefined = admin) => system.rest('POST', '/products', { token, body });
const update = (id: string, body: object) => system.rest('PATCH', `/products/${id}`, { token: admin, body });
const setStock = (id: string, body: object) => system.rest('PUT', `/products/${id}/stock`, { token: admin, body });
const list = async (query: string) => {
  const { status, json } = await system.rest('GET', `/products?${query}`);
  return [status, json.products?.map(({ name }: { name: string }) => name) ?? json.code];
};

test('an administrator creates a product that everyone can read', async () => {
  const body = {
    ...valid(),
    description: 'Keeps tea warm.',
    category: 'kitchen',
    stock: 40,
    image_url: 'https://images.example.com/mug.jpg',
  };
  const { status, json } = await create(body);
  expect([status, json]).toEqual([
    201,
    {
      ...body,
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
      active: true,
      created_at: expect.stringMatching(/^2\d{3}-/),
      updated_at: json.created_at,
    },
  ]);
  expect(await system.rest('GET', `/products/${json.id}`)).toMatchObject({ status: 200, json });
});

test('only administrators create, change and list all products', async () => {
  const { json } = await create(valid());
  for (const [method, path, body] of [
    ['POST', '/products', valid()],
    ['PATCH', `/products/${json.id}`, { name: 'Stolen' }],
    ['PUT', `/products/${json.id}/stock`, { stock: 1 }],
    ['GET', '/admin/products', undefined],
    ['GET', `/admin/products/${json.id}`, undefined],
  ] as const) {
    const request = body === undefined ? {} : { body };
    expect((await system.rest(method, path, request)).status, path).toBe(401);
    const refused = await system.rest(method, path, { ...request, token: customer });
    expect([refused.status, refused.json.code], path).toEqual([403, 'INSUFFICIENT_SCOPE']);
  }
});

test('a SKU is unique for ever', async () => {
  const body = valid();
  const { json } = await create(body);
  await update(json.id, { active: false });
  expect(await create(body)).toMatchObject({ status: 409, json: { code: 'SKU_TAKEN' } });
});

const money = (units: string, nanos = 0, currency = 'EUR') => ({ currency_code: currency, units, nanos });
test.each<[string, unknown, unknown]>([
  ['sku', 'a'.repeat(64), 'a'.repeat(65)],
  ['sku', 'A.b_c-1', 'a b'],
  ['sku', '-', ''],
  ['name', 'n', ''],
  ['name', 'n'.repeat(200), 'n'.repeat(201)],
  ['name', ' n ', ' \u00a0 '],
  ['description', 'd'.repeat(10_000), 'd'.repeat(10_001)],
  ['description', 'a\nb', 'a\u0000b'],
  ['category', `a${'-'.repeat(63)}`, `a${'-'.repeat(64)}`],
  ['category', '', 'Kitchen'],
  ['stock', 0, -1],
  ['stock', 1_000_000, 1_000_001],
  ['price', money('0', 10_000_000), money('0')],
  ['price', money('1', 10_000_000), money('1', 1_000_000)],
  ['price', money('5', 0, 'JPY'), money('5', 500_000_000, 'JPY')],
  ['price', money('1', 1_000_000, 'KWD'), money('1', 100_000, 'KWD')],
  ['price', money('1', 0, 'CHF'), money('1', 0, 'ABC')],
  ['price', money('1'), money('-1')],
  ['price', money('1'), money('1', 0, 'eur')],
  ['price', money('1'), undefined],
  ['price', money('1000000000000'), money('1000000000000', 10_000_000)],
  ['image_url', `https://a.example/${'x'.repeat(2_030)}`, `https://a.example/${'x'.repeat(2_031)}`],
  ['image_url', 'https://a.example/%20?q=1', 'http://a.example/'],
  ['image_url', '', 'https://a b'],
  ['image_url', 'https://a.example', 'javascript:alert(1)'],
  ['active', false, 'no'],
])('%s may be %j, and not %j', async (field, good, bad) => {
  const sku = field === 'sku' ? {} : { sku: valid().sku };
  const accepted = await create({ ...valid(), ...sku, [field]: good });
  expect([accepted.status, accepted.text.length > 0]).toEqual([201, true]);
  const refused = await create({ ...valid(), [field]: bad });
  expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_ARGUMENT']);
  expect(JSON.stringify(refused.json.errors)).toContain(field);
});

test('an update changes the fields that are set, and clears what only the mask names', async () => {
  const { json: product } = await create({ ...valid(), description: 'Old.', category: 'kitchen', stock: 3 });
  const renamed = await update(product.id, { name: ' New ', price: money('9') });
  expect(renamed.json).toEqual({
    ...product,
    name: 'New',
    price: money('9'),
    updated_at: renamed.json.updated_at,
  });
  const masked = await update(product.id, {
    name: 'Ignored',
    image_url: 'https://a.example/',
    update_mask: 'image_url,description',
  });
  expect(masked.json).toMatchObject({ name: 'New', description: '', image_url: 'https://a.example/' });
  expect((await update(product.id, { active: false })).json.active).toBe(false);
  expect((await system.rest('GET', `/products/${product.id}`)).status).toBe(404);
  expect((await system.rest('GET', `/admin/products/${product.id}`, { token: admin })).status).toBe(200);
});

test.each([
  [{ update_mask: 'sku' }],
  [{ update_mask: 'stock' }],
  [{ update_mask: 'id' }],
  [{ update_mask: 'name' }],
  [{ update_mask: 'price' }],
  [{ sku: 'OTHER' }],
  [{ stock: 5 }],
  [{ price: money('1', 1) }],
  [{ name: '' }],
])('an update refuses %j', async (body) => {
  const { json } = await create(valid());
  expect((await update(json.id, body)).json.code).toBe('INVALID_ARGUMENT');
});

test('sets the stock, which is required', async () => {
  const { json } = await create(valid());
  for (const stock of [1_000_000, 0, 7]) {
    const answer = await setStock(json.id, { stock });
    expect([answer.status, answer.json.stock]).toEqual([200, stock]);
  }
  for (const body of [{}, { stock: -1 }, { stock: 1_000_001 }, { stock: 1.5 }]) {
    expect((await setStock(json.id, body)).json.code).toBe('INVALID_ARGUMENT');
  }
  expect((await system.rest('GET', `/products/${json.id}`)).json.stock).toBe(7);
  for (const path of [`/products/${crypto.randomUUID()}`]) {
    expect((await update(path.slice(10), { name: 'x' })).status).toBe(404);
    expect((await setStock(path.slice(10), { stock: 1 })).status).toBe(404);
    expect((await system.rest('GET', path)).status).toBe(404);
  }
});

test('searches, filters, orders and pages', async () => {
  for (const [name, category, units] of [
    ['Red bicycle', 'cycling', '300'],
    ['Blue bicycle', 'cycling', '200'],
    ['Bicycle bell', 'parts', '20'],
    ['Café sign', 'parts', '40'],
  ] as const) {
    await create({ ...valid(), name, category, price: money(units) });
  }
  const { json: hidden } = await create({ ...valid(), name: 'Hidden bicycle', active: false });
  expect(await list('q=bicyc&order_by=name')).toEqual([200, ['Bicycle bell', 'Blue bicycle', 'Red bicycle']]);
  expect(await list('q=CAFE')).toEqual([200, ['Café sign']]);
  expect(await list('category=cycling&currency_code=EUR&order_by=price')).toEqual([
    200,
    ['Blue bicycle', 'Red bicycle'],
  ]);
  expect(await list('currency_code=EUR&order_by=-price&min_price=20&max_price=40.00&q=b')).toEqual([
    200,
    ['Bicycle bell'],
  ]);
  const first = await system.rest('GET', '/products?q=bicycle&page_size=2');
  const second = await system.rest('GET', `/products?q=bicycle&page_size=2&page_token=${first.json.next_page_token}`);
  expect([first.json.products.length, second.json.products.length, second.json.next_page_token]).toEqual([2, 1, '']);
  const all = await system.rest('GET', '/admin/products?q=hidden&active=false', { token: admin });
  expect(all.json.products.map(({ id }: { id: string }) => id)).toEqual([hidden.id]);
  const none = await system.rest('GET', '/admin/products?q=hidden&active=true', { token: admin });
  expect(none.json.products).toEqual([]);
});

test.each([
  'q=',
  `q=${'x'.repeat(201)}`,
  'category=Kitchen',
  'currency_code=eur',
  'currency_code=ABC',
  'min_price=1',
  'max_price=1',
  'order_by=price',
  'order_by=-price',
  'order_by=relevance',
  'order_by=stock',
  'currency_code=EUR&min_price=-1',
  'currency_code=EUR&min_price=1e3',
  'currency_code=EUR&max_price=1.001',
  'page_size=101',
  'page_size=-1',
  'page_token=x',
  'active=false',
])('the list refuses %s', async (query) => {
  expect(await list(query)).toEqual([400, 'INVALID_ARGUMENT']);
});

test.each([`q=${'x'.repeat(200)}`, 'q=x', 'page_size=100', 'page_size=0', 'q=steel&order_by=relevance', 'q=%00'])(
  'the list accepts %s',
  async (query) => {
    expect((await list(query))[0]).toBe(200);
  },
);
