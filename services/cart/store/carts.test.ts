import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { createTombstones } from '#kit/erasure/owners.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { addedLine, type Offer } from '../domain/lines.ts';
import { createCartStore } from './carts.ts';

let fresh: FreshDatabase;
let database: Database;
let db: Transactional;
let store: ReturnType<typeof createCartStore>;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, max: 30, applicationName: 'test', log: silentLog });
  db = database.statements;
  store = createCartStore(db);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const offer = (id: string, currencyCode = 'EUR'): Offer => ({
  id,
  name: 'Thing',
  price: { currencyCode, units: 10n, nanos: 0 },
  stock: 10,
  active: true,
});
const add = (userId: string, productId: string, quantity = 1, currency = 'EUR') =>
  store.putLine(userId, (lines) => addedLine(lines, offer(productId, currency), quantity));
const outcome = (call: Promise<unknown>) => call.then(() => 'ok', reasonOf);
const times = <T>(count: number, call: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)));
const quantities = async (userId: string) => (await store.read(userId)).lines.map(({ quantity }) => quantity);
const tally = (results: unknown[]) => {
  const count: Record<string, number> = {};
  for (const one of results) count[String(one)] = (count[String(one)] ?? 0) + 1;
  return count;
};

test('100 concurrent adds of one piece add up to 99', async () => {
  const [user, product] = [randomUUID(), randomUUID()];
  expect(tally(await times(100, () => outcome(add(user, product))))).toEqual({ ok: 99, QUANTITY_LIMIT: 1 });
  expect(await quantities(user)).toEqual([99]);
});

test('of 100 concurrent products for the last 40 lines, 40 get in', async () => {
  const user = randomUUID();
  for (let index = 0; index < 60; index++) await add(user, randomUUID());
  expect(tally(await times(100, () => outcome(add(user, randomUUID()))))).toEqual({ ok: 40, CART_FULL: 60 });
  expect(await quantities(user)).toHaveLength(100);
});

test('50 concurrent adds in two currencies leave one', async () => {
  const user = randomUUID();
  const results = tally(await times(50, (index) => outcome(add(user, randomUUID(), 1, index % 2 ? 'EUR' : 'USD'))));
  expect(results).toEqual({ ok: 25, CURRENCY_MIXED: 25 });
  const { lines } = await store.read(user);
  expect(new Set(lines.map(({ price }) => price.currencyCode)).size).toBe(1);
});

test('keeps the order of adding, also when a line is changed; a line that is added again is the last', async () => {
  const [user, a, b, c] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  for (const one of [a, b, c, a]) await add(user, one);
  expect((await store.read(user)).lines.map(({ productId }) => productId)).toEqual([a, b, c]);
  await store.removeLine(user, a);
  await add(user, a);
  expect((await store.read(user)).lines.map(({ productId }) => productId)).toEqual([b, c, a]);
});

test('the time of a cart changes with its lines only', async () => {
  const [user, product] = [randomUUID(), randomUUID()];
  expect(await store.read(user)).toEqual({ lines: [], updatedAt: undefined });
  await store.clear(user);
  await store.removeLine(user, product);
  expect((await store.read(user)).updatedAt).toBeUndefined();
  const time = async () => (await store.read(user)).updatedAt;
  await add(user, product);
  const added = await time();
  await store.removeLine(user, randomUUID());
  await store.takeOffOnce(user, randomUUID(), [{ productId: randomUUID(), quantity: 1 }]);
  expect(await time()).toEqual(added);
  await store.clear(user);
  expect((await time())!.getTime()).toBeGreaterThanOrEqual(added!.getTime());
});

test('takes an order off once, and leaves what was added since', async () => {
  const [user, a, b, c] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await add(user, a, 2);
  await add(user, b, 3);
  const ordered = [
    { productId: a, quantity: 2 },
    { productId: b, quantity: 1 },
    { productId: b, quantity: 1 },
  ];
  await add(user, a, 5);
  await add(user, c, 1);
  const order = randomUUID();
  await times(50, () => store.takeOffOnce(user, order, ordered));
  expect(await quantities(user)).toEqual([5, 1, 1]);
  await store.takeOffOnce(user, randomUUID(), [{ productId: a, quantity: 5 }]);
  expect(await quantities(user)).toEqual([1, 1]);
});

test('an order is taken off a cart that its user has emptied or changed meanwhile', async () => {
  const [user, a, b] = [randomUUID(), randomUUID(), randomUUID()];
  const ordered = [
    { productId: a, quantity: 2 },
    { productId: b, quantity: 2 },
  ];
  await store.takeOffOnce(user, randomUUID(), ordered);
  await add(user, a, 1);
  await store.takeOffOnce(user, randomUUID(), ordered);
  expect(await quantities(user)).toEqual([]);
});

test('50 changes of a cart that race with its erasure leave nothing', async () => {
  const tombstones = createTombstones(db, 'cart');
  for (let round = 0; round < 5; round++) {
    const user = randomUUID();
    await add(user, randomUUID());
    const changes: (() => Promise<unknown>)[] = [
      () => add(user, randomUUID()),
      () => store.takeOffOnce(user, randomUUID(), [{ productId: randomUUID(), quantity: 1 }]),
      () => store.clear(user),
      () => store.removeLine(user, randomUUID()),
    ];
    await times(50, (index): Promise<unknown> =>
      index === round * 10
        ? db.$transaction(async (tx) => {
            await tombstones.write(tx, [user]);
            await store.erase([user], tx);
          })
        : changes[index % 4]!(),
    );
    expect(await add(user, randomUUID())).toBeUndefined();
    const { rows } = await database.pool.query(
      `SELECT user_id FROM cart.carts WHERE user_id = $1 UNION ALL SELECT user_id FROM cart.lines WHERE user_id = $1
       UNION ALL SELECT user_id FROM cart.cleared_orders WHERE user_id = $1`,
      [user],
    );
    expect(rows).toEqual([]);
  }
});
