import { type DescMessage, create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BatchGetProductsRequestSchema,
  CatalogService,
  ListProductsRequestSchema,
  ReserveStockRequestSchema,
} from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createProducts } from '../domain/products.ts';
import { createReservations } from '../domain/reservations.ts';
import { type CatalogStores, openCatalogStores } from '../testing.ts';
import { catalogHandler } from './catalog.ts';

/** The internal methods. test/flows/catalog.test.ts calls the others over REST. */

let catalog: CatalogStores;
let client: Client<typeof CatalogService>;
beforeAll(async () => {
  catalog = await openCatalogStores();
  const products = createProducts(catalog.products);
  const reservations = createReservations(catalog.reservations, 900_000);
  const handler = catalogHandler({ products, reservations });
  client = createClient(
    CatalogService,
    createRouterTransport(({ service }) => service(CatalogService, handler)),
  );
});
afterAll(() => catalog.close());

test('reserves, commits and releases the pieces of an order', async () => {
  const { id } = await catalog.product({ stock: 5 });
  const stock = async () => (await client.batchGetProducts({ productIds: [id] })).products[0]?.stock;
  const orderId = randomUUID();
  const reserve = () => client.reserveStock({ orderId, lines: [{ productId: id, quantity: 2 }] });
  const before = Date.now();
  const { expiresAt } = await reserve();
  // The clocks of the test and of its database are one.
  expect(Number(expiresAt?.seconds) * 1_000 - before).toBeGreaterThan(890_000);
  expect((await reserve()).expiresAt).toEqual(expiresAt);
  await client.commitReservation({ orderId });
  expect([(await reserve()).expiresAt, await stock()]).toEqual([undefined, 3]);
  await client.releaseReservation({ orderId });
  expect(await stock()).toBe(5);
  expect(await reserve().catch(reasonOf)).toBe('OUT_OF_STOCK');
});

test('returns inactive products, and leaves unknown ones out', async () => {
  const { id } = await catalog.product({ active: false });
  const { products } = await client.batchGetProducts({ productIds: [id, randomUUID(), id] });
  expect(products.map((one) => [one.id, one.active])).toEqual([[id, false]]);
});

const validity = <D extends DescMessage>(desc: D, init: MessageInitShape<D>) => {
  try {
    assertValid(desc, create(desc, init));
    return 'valid';
  } catch (error) {
    return reasonOf(error);
  }
};
const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
const linesOf = (count: number, quantity = 1) => ids(count).map((productId) => ({ productId, quantity }));

test.each([
  [1, 'valid'],
  [100, 'valid'],
  [0, 'INVALID_ARGUMENT'],
  [101, 'INVALID_ARGUMENT'],
])('%d products or lines of a request are %s', (count, expected) => {
  expect(validity(BatchGetProductsRequestSchema, { productIds: ids(count) })).toBe(expected);
  expect(validity(ReserveStockRequestSchema, { orderId: randomUUID(), lines: linesOf(count) })).toBe(expected);
});

test.each([
  [1, 'valid'],
  [99, 'valid'],
  [0, 'INVALID_ARGUMENT'],
  [100, 'INVALID_ARGUMENT'],
])('a reservation of %d pieces is %s', (quantity, expected) => {
  expect(validity(ReserveStockRequestSchema, { orderId: randomUUID(), lines: linesOf(1, quantity) })).toBe(expected);
});

test('a filter is valid up to its limits', () => {
  const valid = (init: MessageInitShape<typeof ListProductsRequestSchema>) => validity(ListProductsRequestSchema, init);
  const currencyCode = 'EUR';
  for (const init of [
    { pageToken: 'a'.repeat(1_024) },
    { category: 'a'.repeat(64) },
    { currencyCode, minPrice: `${'9'.repeat(13)}.${'9'.repeat(9)}` },
  ]) {
    expect(valid(init)).toBe('valid');
  }
  for (const init of [
    { pageToken: 'a'.repeat(1_025) },
    { category: 'a'.repeat(65) },
    { category: '' },
    { currencyCode, minPrice: '9'.repeat(14) },
    { currencyCode, maxPrice: `1.${'9'.repeat(10)}` },
    { currencyCode, maxPrice: '' },
    { orderBy: '' },
  ]) {
    expect(valid(init)).toBe('INVALID_ARGUMENT');
  }
});
