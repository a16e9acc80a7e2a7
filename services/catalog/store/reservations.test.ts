import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { infoOf } from '#kit/errors/error-info.ts';
import { createReservations, type Reservations } from '../domain/reservations.ts';
import { type CatalogStores, openCatalogStores } from '../testing.ts';

/** The rules over PostgreSQL. A reservation lapses after a minute, or where a test lets it lapse. */

let catalog: CatalogStores;
let reservations: Reservations;
beforeAll(async () => {
  catalog = await openCatalogStores();
  reservations = createReservations(catalog.reservations, 60_000);
});
afterAll(() => catalog.close());

const stockOf = async (id: string) => (await catalog.products.find(id))?.stock;
const reserve = (orderId: string, productId: string, quantity = 1) =>
  reservations.reserve(orderId, [{ productId, quantity }]);
/** Returns the reason and the product ids of the error, or undefined without one. */
const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => [reasonOf(error), infoOf(error)?.metadata['product_ids']],
  );

test('takes all lines off the stock, or none', async () => {
  const [a, b] = [await catalog.product({ stock: 5 }), await catalog.product({ stock: 1 })];
  const lines = (quantity: number) => [
    { productId: a.id, quantity: 2 },
    { productId: b.id, quantity },
  ];
  expect(await refusalOf(reservations.reserve(randomUUID(), lines(2)))).toEqual(['OUT_OF_STOCK', b.id]);
  expect([await stockOf(a.id), await stockOf(b.id)]).toEqual([5, 1]);
  expect(await reservations.reserve(randomUUID(), lines(1))).toBeInstanceOf(Date);
  expect([await stockOf(a.id), await stockOf(b.id)]).toEqual([3, 0]);
});

test('quantities of the same product add up', async () => {
  const { id } = await catalog.product({ stock: 5 });
  const lines = [
    { productId: id, quantity: 3 },
    { productId: id.toUpperCase(), quantity: 3 },
  ];
  expect(await refusalOf(reservations.reserve(randomUUID(), lines))).toEqual(['OUT_OF_STOCK', id]);
  await catalog.products.setStock(id, 6);
  await reservations.reserve(randomUUID(), lines);
  expect(await stockOf(id)).toBe(0);
});

test('an unknown and an inactive product are out of stock', async () => {
  const inactive = await catalog.product({ active: false });
  const unknown = randomUUID();
  expect(await refusalOf(reserve(randomUUID(), inactive.id))).toEqual(['OUT_OF_STOCK', inactive.id]);
  expect(await refusalOf(reserve(randomUUID(), unknown))).toEqual(['OUT_OF_STOCK', unknown]);
});

test('an order id reserves once, also after the reservation was committed', async () => {
  const { id } = await catalog.product();
  const order = randomUUID();
  const expiresAt = await reserve(order, id, 2);
  expect(await reserve(order, id, 2)).toEqual(expiresAt);
  await reservations.commit(order);
  await reservations.commit(order);
  expect(await reserve(order, id, 2)).toBeUndefined();
  expect(await stockOf(id)).toBe(8);
});

test('a refused reservation leaves the order id free', async () => {
  const { id } = await catalog.product({ stock: 0 });
  const order = randomUUID();
  expect(await refusalOf(reserve(order, id))).toEqual(['OUT_OF_STOCK', id]);
  await catalog.products.setStock(id, 1);
  expect(await reserve(order, id)).toBeInstanceOf(Date);
});

test('a release puts the stock back once, whether the reservation was committed or not', async () => {
  const { id } = await catalog.product();
  for (const commits of [false, true]) {
    const order = randomUUID();
    await reserve(order, id, 4);
    if (commits) await reservations.commit(order);
    expect(await stockOf(id)).toBe(6);
    await reservations.release(order);
    await reservations.release(order);
    expect(await stockOf(id)).toBe(10);
    expect(await refusalOf(reserve(order, id))).toEqual(['OUT_OF_STOCK', id]);
    expect(await refusalOf(reservations.commit(order))).toEqual(['OUT_OF_STOCK', id]);
    expect(await stockOf(id)).toBe(10);
  }
});

test('a release or a commit of what never was refuses the late reservation', async () => {
  const { id } = await catalog.product();
  const [released, committed] = [randomUUID(), randomUUID()];
  await reservations.release(released);
  expect(await refusalOf(reservations.commit(committed))).toEqual(['OUT_OF_STOCK', undefined]);
  expect(await refusalOf(reserve(released, id))).toEqual(['OUT_OF_STOCK', id]);
  expect(await refusalOf(reserve(committed, id))).toEqual(['OUT_OF_STOCK', id]);
  expect(await stockOf(id)).toBe(10);
});

test('a lapsed reservation counts as stock at once, and the sweep changes nothing that is seen', async () => {
  const { id } = await catalog.product();
  const order = randomUUID();
  await reserve(order, id, 4);
  await catalog.lapse(order);
  expect(await stockOf(id)).toBe(10);
  expect((await catalog.products.findMany([id]))[0]?.stock).toBe(10);
  expect(await catalog.reservations.expireLapsed()).toBe(1);
  expect(await catalog.reservations.expireLapsed()).toBe(0);
  expect(await stockOf(id)).toBe(10);
});

test('a lapsed reservation cannot be committed or made again, before and after the sweep', async () => {
  const { id } = await catalog.product();
  const order = randomUUID();
  await reserve(order, id, 4);
  await catalog.lapse(order);
  for (const sweeps of [false, true]) {
    if (sweeps) await catalog.reservations.expireLapsed();
    expect(await refusalOf(reservations.commit(order))).toEqual(['OUT_OF_STOCK', id]);
    expect(await refusalOf(reserve(order, id))).toEqual(['OUT_OF_STOCK', id]);
  }
  await reservations.release(order);
  expect(await stockOf(id)).toBe(10);
});

test('a release of a lapsed reservation puts its stock back once', async () => {
  const { id } = await catalog.product();
  const order = randomUUID();
  await reserve(order, id, 4);
  await catalog.lapse(order);
  await reservations.release(order);
  expect(await catalog.reservations.expireLapsed()).toBe(0);
  expect(await stockOf(id)).toBe(10);
});

test('what lapsed reservations hold can be reserved before the sweep', async () => {
  const { id } = await catalog.product({ stock: 1 });
  const order = randomUUID();
  await reserve(order, id);
  expect(await refusalOf(reserve(randomUUID(), id))).toEqual(['OUT_OF_STOCK', id]);
  await catalog.lapse(order);
  expect(await reserve(randomUUID(), id)).toBeInstanceOf(Date);
  expect(await stockOf(id)).toBe(0);
});

test('a reservation expires after its time', async () => {
  const { id } = await catalog.product({ stock: 1 });
  const brief = createReservations(catalog.reservations, 1);
  await brief.reserve(randomUUID(), [{ productId: id, quantity: 1 }]);
  await expect.poll(() => stockOf(id)).toBe(1);
});

test('the stock that is set can be bought: what is held, lapsed or not, is not part of it', async () => {
  const { id } = await catalog.product();
  const [held, lapsed] = [randomUUID(), randomUUID()];
  await reserve(held, id, 3);
  await reserve(lapsed, id, 2);
  await catalog.lapse(lapsed);
  expect((await catalog.products.setStock(id, 20))?.stock).toBe(20);
  await catalog.reservations.expireLapsed();
  expect(await stockOf(id)).toBe(20);
  await reservations.release(held);
  expect(await stockOf(id)).toBe(23);
});

test('expires more reservations than one statement does', async () => {
  const { id } = await catalog.product({ stock: 700 });
  await catalog.pool.query(
    `WITH made AS (
       INSERT INTO catalog.reservations (order_id, state, expires_at)
       SELECT gen_random_uuid(), 'reserved', now() FROM generate_series(1, 700) RETURNING order_id)
     INSERT INTO catalog.reservation_lines SELECT order_id, $1, 1 FROM made`,
    [id],
  );
  expect(await catalog.reservations.expireLapsed()).toBe(700);
  expect(await stockOf(id)).toBe(1_400);
});
