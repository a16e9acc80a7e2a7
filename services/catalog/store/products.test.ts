import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { createProducts, type Products } from '../domain/products.ts';
import { type CatalogStores, openCatalogStores, productWith } from '../testing.ts';
import { exampleProducts } from './example-products.ts';
import { seedShop } from './seed.ts';

let catalog: CatalogStores;
let products: Products;
beforeAll(async () => {
  catalog = await openCatalogStores();
  products = createProducts(catalog.products);
});
afterAll(() => catalog.close());

const found = async (q: string) =>
  (await products.list({ q }, { pageSize: 10, pageToken: '' })).items.map(({ id }) => id);

test('adds the example products once, also by replicas that start at the same time', async () => {
  const added = await Promise.all(Array.from({ length: 5 }, () => seedShop(catalog.db)));
  expect(added.reduce((sum, count) => sum + count, 0)).toBe(60);
  expect(await seedShop(catalog.db)).toBe(0);
  const { items } = await products.list({ q: 'creme brul' }, { pageSize: 10, pageToken: '' });
  expect(items.map(({ sku }) => sku)).toEqual(['KIT-CRB-01']);
  expect(exampleProducts).toHaveLength(60);
});

test('of 50 products with one SKU, one is created', async () => {
  const sku = `S-${randomUUID()}`;
  const create = () => {
    const { id: _, ...fields } = productWith({ sku });
    return products.create(fields).then(() => 'created', reasonOf);
  };
  const results = await Promise.all(Array.from({ length: 50 }, create));
  expect(results.filter((one) => one === 'created')).toHaveLength(1);
  expect(new Set(results)).toEqual(new Set(['created', 'SKU_TAKEN']));
});

test('50 concurrent updates of different fields each keep theirs, and the search finds them all', async () => {
  const { id } = await catalog.product();
  const price = { currencyCode: 'EUR', units: 7n, nanos: 990_000_000 };
  const changes = [
    { name: 'Renamedthing' },
    { description: 'describedthing' },
    { category: 'sortedthing' },
    { price },
    { imageUrl: 'https://images.example.com/x.jpg' },
  ];
  await Promise.all(Array.from({ length: 50 }, (_, index) => products.update(id, changes[index % 5]!, undefined)));
  expect(await products.getAny(id)).toMatchObject(Object.assign({}, ...changes));
  for (const q of ['renamedthing', 'describedthing', 'sortedthing']) expect(await found(q)).toEqual([id]);
});

test('an update changes neither stock nor what is reserved', async () => {
  const { id } = await catalog.product({ stock: 10 });
  const reserve = () => catalog.reservations.reserveOnce(randomUUID(), [{ productId: id, quantity: 1 }], 60_000);
  await Promise.all([...Array.from({ length: 10 }, reserve), products.update(id, { name: 'New' }, undefined)]);
  expect(await products.getAny(id)).toMatchObject({ name: 'New', stock: 0 });
});

test('an update without changes returns the product as it is', async () => {
  const { id } = await catalog.product();
  const before = await products.getAny(id);
  expect(await products.update(id, {}, undefined)).toEqual(before);
  expect(await products.update(id, {}, [])).toEqual(before);
});

test('an inactive product is not found by customers, and found by administrators', async () => {
  const { id } = await catalog.product({ active: false });
  expect(await products.get(id).catch(reasonOf)).toBe('NOT_FOUND');
  expect((await products.getAny(id)).active).toBe(false);
  expect((await products.getMany([id, id, randomUUID()])).map((one) => one.id)).toEqual([id]);
  for (const call of [
    () => products.getAny(randomUUID()),
    () => products.update(randomUUID(), { name: 'x' }, undefined),
    () => products.setStock(randomUUID(), 1),
  ]) {
    expect(await call().catch(reasonOf)).toBe('NOT_FOUND');
  }
});
