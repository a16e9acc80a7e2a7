import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { createReservations, type Reservations } from '../domain/reservations.ts';
import { type CatalogStores, openCatalogStores } from '../testing.ts';

let catalog: CatalogStores;
let reservations: Reservations;
beforeAll(async () => {
  catalog = await openCatalogStores();
  reservations = createReservations(catalog.reservations, 60_000);
});
afterAll(() => catalog.close());

const times = <T>(count: number, call: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)));
/** The result of a call: `ok`, or the reason of its error. Any other error fails the test. */
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => {
      const reason = reasonOf(error);
      if (reason !== 'OUT_OF_STOCK') throw error;
      return reason;
    },
  );
const stockOf = async (id: string) => (await catalog.products.find(id))?.stock;
const heldOf = async (id: string) => {
  const { rows } = await catalog.pool.query<{ held: number }>(
    `SELECT coalesce(sum(l.quantity), 0)::int AS held
     FROM catalog.reservations r JOIN catalog.reservation_lines l USING (order_id)
     WHERE l.product_id = $1 AND r.state IN ('reserved', 'committed')`,
    [id],
  );
  return rows[0]?.held ?? 0;
};

test('of 100 buyers for the last item, one gets it', async () => {
  const { id } = await catalog.product({ stock: 1 });
  const got = await times(100, () => outcome(reservations.reserve(randomUUID(), [{ productId: id, quantity: 1 }])));
  expect(got.filter((one) => one === 'ok')).toHaveLength(1);
  expect(await stockOf(id)).toBe(0);
});

test('100 buyers for 60 items get 60 of them', async () => {
  const { id } = await catalog.product({ stock: 60 });
  const got = await times(100, () => outcome(reservations.reserve(randomUUID(), [{ productId: id, quantity: 1 }])));
  expect(got.filter((one) => one === 'ok')).toHaveLength(60);
  expect([await stockOf(id), await heldOf(id)]).toEqual([0, 60]);
});

test('of 100 buyers for what a lapsed reservation holds, one gets it', async () => {
  const { id } = await catalog.product({ stock: 1 });
  const order = randomUUID();
  await reservations.reserve(order, [{ productId: id, quantity: 1 }]);
  await catalog.lapse(order);
  const got = await times(100, (index) =>
    index % 10 === 9
      ? outcome(catalog.reservations.expireLapsed())
      : outcome(reservations.reserve(randomUUID(), [{ productId: id, quantity: 1 }])),
  );
  expect(got.filter((one, index) => one === 'ok' && index % 10 !== 9)).toHaveLength(1);
  expect(await stockOf(id)).toBe(0);
});

test('100 calls for one order reserve once', async () => {
  const { id } = await catalog.product({ stock: 100 });
  const order = randomUUID();
  const got = await times(100, () => outcome(reservations.reserve(order, [{ productId: id, quantity: 1 }])));
  expect(new Set(got)).toEqual(new Set(['ok']));
  expect(await stockOf(id)).toBe(99);
});

test('buyers of the same products in any order do not deadlock, and the stock adds up', async () => {
  const products = await times(8, () => catalog.product({ stock: 40 }));
  const orders = Array.from({ length: 100 }, () => randomUUID());
  await times(100, async (index) => {
    const order = orders[index]!;
    const some = products.filter((_, place) => (index >> (place % 3)) % 2 === place % 2);
    const lines = some.map(({ id }) => ({ productId: id, quantity: 1 + (index % 3) }));
    const mixed = index % 2 ? lines : lines.toReversed();
    if (mixed.length === 0) return;
    if ((await outcome(reservations.reserve(order, mixed))) !== 'ok') return;
    // A third commits, a third is released, a third lapses and is swept by any of them.
    if (index % 3 === 0) await reservations.commit(order);
    if (index % 3 === 1) await Promise.all([reservations.release(order), reservations.release(order)]);
    if (index % 3 === 2) {
      await catalog.lapse(order);
      await catalog.reservations.expireLapsed();
    }
  });
  await catalog.reservations.expireLapsed();
  for (const { id } of products) expect((await stockOf(id))! + (await heldOf(id))).toBe(40);
});

test.each([10, 50])('%d rounds of reserve, commit, release and sweep of one order end in one state', async (rounds) => {
  const { id } = await catalog.product({ stock: 1_000 });
  for (let round = 0; round < rounds; round++) {
    const order = randomUUID();
    const calls = [
      () => reservations.reserve(order, [{ productId: id, quantity: 1 }]),
      () => reservations.commit(order),
      () => reservations.release(order),
      () => catalog.reservations.expireLapsed(),
    ];
    await times(8, (index) => outcome(calls[(index + round) % calls.length]!()));
    // Every round has a release, after which nothing can hold stock.
    expect([await stockOf(id), await heldOf(id)]).toEqual([1_000, 0]);
  }
});

test('a stock that is set among 50 buyers holds: what is sold after it is taken off', async () => {
  const { id } = await catalog.product({ stock: 0 });
  const got = await times(50, (index) =>
    index === 25
      ? catalog.products.setStock(id, 10).then(() => 'set')
      : outcome(reservations.reserve(randomUUID(), [{ productId: id, quantity: 1 }])),
  );
  const sold = got.filter((one) => one === 'ok').length;
  expect(sold).toBeLessThanOrEqual(10);
  expect(await stockOf(id)).toBe(10 - sold);
});
