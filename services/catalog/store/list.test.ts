import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { parseMoney } from '#kit/money/money.ts';
import { createProducts, type NewProduct, type ProductFilter, type Products } from '../domain/products.ts';
import { type CatalogStores, openCatalogStores } from '../testing.ts';

let catalog: CatalogStores;
let products: Products;
beforeAll(async () => {
  catalog = await openCatalogStores();
  products = createProducts(catalog.products);
});
afterAll(() => catalog.close());
beforeEach(() => catalog.pool.query('DELETE FROM catalog.products'));

const price = (text: string, currency = 'EUR') => parseMoney(text, currency)!;
const add = (name: string, more: Partial<NewProduct> = {}) => catalog.product({ name, ...more });
const whole = { pageSize: 100, pageToken: '' };
const names = async (filter: ProductFilter) => (await products.list(filter, whole)).items.map(({ name }) => name);
/** Reads a list in pages of a size. */
async function paged(filter: ProductFilter, pageSize: number, between?: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await products.list(filter, { pageSize, pageToken });
    seen.push(...page.items.map(({ name }) => name));
    pageToken = page.nextPageToken;
    await between?.();
  } while (pageToken !== '');
  return seen;
}

test.each([
  ['mug', ['Steel mug', 'Crème mug']],
  ['STEEL mug', ['Steel mug']],
  ['mug steel', ['Steel mug']],
  ['crem', ['Crème mug']],
  ['crème', ['Crème mug']],
  ['cre mug', []],
  ['mug crè', ['Crème mug']],
  ['kit-4', ['Crème mug']],
  ['kitchen mu', ['Steel mug', 'Crème mug']],
  ['boils', ['Kettle']],
  ['the', ['Kettle']],
  ['teapot', []],
  ['!!', []],
  ["'", []],
  ["mug' | 'kettle", []],
])('a search for %j finds every product that has all words', async (q, expected) => {
  await add('Kettle', { description: 'It boils the water.' });
  await add('Crème mug', { category: 'kitchen', sku: 'KIT-42' });
  await add('Steel mug', { category: 'kitchen', sku: 'MUG-1' });
  expect((await names({ q })).toSorted()).toEqual([...expected].toSorted());
});

test('the name weighs most, then category and SKU, then the description, however often it has the word', async () => {
  await add('Described', { description: 'lamp '.repeat(500) });
  await add('Sorted', { category: 'lamp' });
  await add('Lamp');
  await add('Coded', { sku: 'LAMP-1', description: 'lamp' });
  expect(await names({ q: 'lamp' })).toEqual(['Lamp', 'Coded', 'Sorted', 'Described']);
  expect(await names({ q: 'lamp', orderBy: 'newest' })).toEqual(['Coded', 'Lamp', 'Sorted', 'Described']);
});

test('filters by category, currency, price and activity, all at once', async () => {
  await add('A', { category: 'home', price: price('10') });
  await add('B', { category: 'home', price: price('12.50') });
  await add('C', { category: 'home', price: price('12.51') });
  await add('D', { category: 'home', price: price('12.50', 'USD') });
  await add('E', { category: 'garden', price: price('12.50') });
  await add('F', { category: 'home', price: price('12.50'), active: false });
  expect(await names({ category: 'home', active: true })).toEqual(['D', 'C', 'B', 'A']);
  expect(await names({ active: false })).toEqual(['F']);
  expect(await names({})).toEqual(['F', 'E', 'D', 'C', 'B', 'A']);
  const euros = { currencyCode: 'EUR', category: 'home', active: true };
  expect(await names({ ...euros, minPrice: '12.5', maxPrice: '12.50' })).toEqual(['B']);
  expect(await names({ ...euros, minPrice: '10.01' })).toEqual(['C', 'B']);
  expect(await names({ ...euros, maxPrice: '12.50' })).toEqual(['B', 'A']);
  expect(await names({ ...euros, minPrice: '13', maxPrice: '12' })).toEqual([]);
  expect(await names({ currencyCode: 'JPY' })).toEqual([]);
});

test('orders by price exactly, and by name without case and accents', async () => {
  for (const text of ['0.1', '0.09', '10', '9.99', '1000000000000']) await add(text, { price: price(text) });
  const euros = { currencyCode: 'EUR' };
  expect(await names({ ...euros, orderBy: 'price' })).toEqual(['0.09', '0.1', '9.99', '10', '1000000000000']);
  expect(await names({ ...euros, orderBy: '-price' })).toEqual(['1000000000000', '10', '9.99', '0.1', '0.09']);
  await catalog.pool.query('DELETE FROM catalog.products');
  for (const name of ['éclair', 'Zebra', 'apple', 'Öl', 'Eddy']) await add(name);
  expect(await names({ orderBy: 'name' })).toEqual(['apple', 'éclair', 'Eddy', 'Öl', 'Zebra']);
});

test.each([
  [{}],
  [{ q: 'thing' }],
  [{ orderBy: 'name' }],
  [{ currencyCode: 'EUR', orderBy: 'price' }],
  [{ currencyCode: 'EUR', orderBy: '-price' }],
  [{ q: 'thing', orderBy: 'newest' }],
])('pages by %j are the whole list once, also while products are added', async (filter: ProductFilter) => {
  const amounts = ['1', '2', '2', '3'];
  for (let index = 0; index < 12; index++) {
    const description = index % 3 ? 'thing' : '';
    await add(`Thing ${index % 4} of ${index}`, { price: price(amounts[index % 4]!), description });
  }
  const expected = await names(filter);
  expect(expected).toHaveLength(12);
  expect(await paged(filter, 5)).toEqual(expected);
  const seen = await paged(filter, 5, () => add('Added thing', { price: price('2') }));
  expect(seen.filter((name) => name !== 'Added thing')).toEqual(expected);
});

test('a page token is valid for its list only', async () => {
  for (let index = 0; index < 3; index++) await add(`Thing ${index}`, { category: 'home' });
  const { nextPageToken: pageToken } = await products.list({ category: 'home' }, { pageSize: 2, pageToken: '' });
  const read = (filter: ProductFilter) =>
    products.list(filter, { pageSize: 2, pageToken }).then(() => 'read', reasonOf);
  expect(await read({ category: 'home' })).toBe('read');
  expect(await read({ category: 'garden' })).toBe('INVALID_ARGUMENT');
  expect(await read({ category: 'home', active: true })).toBe('INVALID_ARGUMENT');
  expect(await read({ category: 'home', orderBy: 'name' })).toBe('INVALID_ARGUMENT');
  expect(await read({ q: 'thing' })).toBe('INVALID_ARGUMENT');
});

test('a page token holds the longest name', async () => {
  const name = '\u{10428}'.repeat(200);
  await add(name);
  await add(name);
  const { nextPageToken } = await products.list({ orderBy: 'name' }, { pageSize: 1, pageToken: '' });
  expect(nextPageToken.length).toBeGreaterThan(0);
  expect(nextPageToken.length).toBeLessThanOrEqual(1_024);
  expect((await products.list({ orderBy: 'name' }, { pageSize: 1, pageToken: nextPageToken })).items).toHaveLength(1);
});

test('finds a product by a word of any length and script', async () => {
  const word = 'ä'.repeat(10_000);
  await add('Long', { description: word });
  await add('Юникод 한국 ガラス');
  expect(await names({ q: 'a'.repeat(200) })).toEqual(['Long']);
  for (const q of ['юник', '한', 'ガラ', 'юникод 한국']) expect(await names({ q }), q).toEqual(['Юникод 한국 ガラス']);
});

test.each([
  [{ currencyCode: 'ABC' }, 'currency_code'],
  [{ currencyCode: 'EUR', minPrice: '1.001' }, 'min_price'],
  [{ currencyCode: 'JPY', maxPrice: '1.5' }, 'max_price'],
])('refuses %j, naming the field', async (filter, field) => {
  const error: unknown = await products.list(filter, whole).catch((thrown: unknown) => thrown);
  expect([reasonOf(error), violationsOf(error).map((one) => one.field)]).toEqual(['INVALID_ARGUMENT', [field]]);
});

test('a price of the filter may have zeros behind the digits of its currency', async () => {
  await add('Yen', { price: price('500', 'JPY') });
  expect(await names({ currencyCode: 'JPY', minPrice: '500.00', maxPrice: '500.000' })).toEqual(['Yen']);
});
