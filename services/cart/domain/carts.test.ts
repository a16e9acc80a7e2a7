import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { createOffers } from '../clients/offers.ts';
import { createCartStore } from '../store/carts.ts';
import { type Carts, createCarts } from './carts.ts';

/** The rules over PostgreSQL and a catalog that counts its calls, and can be away. */

let fresh: FreshDatabase;
let database: Database;
let carts: Carts;
let calls: string[][];
let isAway: boolean;
let duringCall: (() => Promise<unknown>) | undefined;
const unknown = randomUUID();

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, max: 10, applicationName: 'test', log: silentLog });
  const catalog = createRouterTransport(({ service }) => {
    service(CatalogService, {
      async batchGetProducts({ productIds }) {
        calls.push(productIds);
        if (isAway) throw new ConnectError('away', Code.Unavailable);
        const interrupt = duringCall;
        duringCall = undefined;
        await interrupt?.();
        const known = productIds.filter((id) => id !== unknown);
        return {
          products: known.map((id) => ({
            id,
            name: 'Thing',
            active: true,
            stock: 5,
            price: { currencyCode: 'EUR', units: 3n },
          })),
        };
      },
    });
  });
  const store = createCartStore(database.statements);
  carts = createCarts({ store, offers: createOffers(catalog) });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});
beforeEach(() => {
  calls = [];
  isAway = false;
  duringCall = undefined;
});

const quantities = async (user: string) => (await carts.get(user)).lines.map(({ quantity }) => quantity);

test('asks the catalog once for all lines, and not at all for an empty cart', async () => {
  const user = randomUUID();
  await carts.get(user);
  expect(calls).toEqual([]);
  for (let index = 0; index < 100; index++) await carts.add(user, randomUUID(), 1);
  expect(calls).toHaveLength(100);
  calls = [];
  expect((await carts.get(user)).total).toMatchObject({ units: 300n });
  expect(calls.map((ids) => ids.length)).toEqual([100]);
});

test('asks for at most 100 products when a full cart gets another one', async () => {
  const user = randomUUID();
  for (let index = 0; index < 100; index++) await carts.add(user, randomUUID(), 1);
  calls = [];
  expect(await carts.add(user, randomUUID(), 1).catch(reasonOf)).toBe('CART_FULL');
  expect(await carts.add(user, unknown, 1).catch(reasonOf)).toBe('NOT_FOUND');
  expect(calls.map((ids) => ids.length)).toEqual([100, 100]);
});

test('with the catalog away nothing is shown or changed, and nothing is lost', async () => {
  const [user, product] = [randomUUID(), randomUUID()];
  await carts.add(user, product, 2);
  isAway = true;
  for (const call of [
    () => carts.get(user),
    () => carts.add(user, product, 1),
    () => carts.update(user, product, 5),
    () => carts.remove(user, product),
  ]) {
    expect(await call().catch(reasonOf)).toBe('SERVICE_UNAVAILABLE');
  }
  isAway = false;
  expect(await quantities(user)).toEqual([2]);
});

test('a cart is cleared, and an order taken off, with the catalog away', async () => {
  const [user, product] = [randomUUID(), randomUUID()];
  await carts.add(user, product, 3);
  isAway = true;
  await carts.clearOrdered(user, randomUUID(), [{ productId: product, quantity: 1 }]);
  isAway = false;
  expect(await quantities(user)).toEqual([2]);
  isAway = true;
  await carts.clear(user);
  isAway = false;
  expect(await quantities(user)).toEqual([]);
});

test('the response has the lines of a change that came between', async () => {
  const [user, a, b] = [randomUUID(), randomUUID(), randomUUID()];
  duringCall = () => carts.add(user, b, 1);
  const cart = await carts.add(user, a, 2);
  expect(cart?.lines.map(({ productId, name }) => [productId, name])).toEqual([
    [b, 'Thing'],
    [a, 'Thing'],
  ]);
});

test('refuses what the catalog does not know, and a line that the cart does not have', async () => {
  const user = randomUUID();
  expect(await carts.add(user, unknown, 1).catch(reasonOf)).toBe('NOT_FOUND');
  expect(await carts.update(user, randomUUID(), 1).catch(reasonOf)).toBe('NOT_FOUND');
  expect((await carts.remove(user, randomUUID()))?.lines).toEqual([]);
});
