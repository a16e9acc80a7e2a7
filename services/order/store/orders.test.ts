import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { State } from '../domain/order.ts';
import { moveAfter } from '../domain/steps.ts';
import { address, euro, newOrder, openStores } from './testing/rig.ts';

let stores: Awaited<ReturnType<typeof openStores>>;
beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores.close());

/** Places an order and takes it to the state `confirmed`, with its saga at rest. */
async function confirmed(userId = uuidv7()): Promise<string> {
  const { id } = await placed(userId);
  let order = await stores.saga.take(id, uuidv7());
  while (order && order !== 'busy' && order.step !== undefined) {
    const outcome =
      order.step === 'charge' ? { kind: 'captured' as const, paymentId: uuidv7() } : { kind: 'done' as const };
    order = await stores.saga.save(order, moveAfter(order, outcome));
  }
  return id;
}

async function placed(userId = uuidv7()) {
  const order = newOrder(userId);
  expect(await stores.orders.place(order)).toBe(true);
  return order;
}

const stateOf = async (id: string) => (await stores.orders.find(id))?.state;

test('keeps an order as it was placed', async () => {
  const order = await placed();
  const found = await stores.orders.find(order.id, order.userId);
  const { paymentMethod: _, ...shown } = order;
  expect(found).toMatchObject({
    ...shown,
    state: 'pending',
    rests: false,
    trackingCode: '',
    history: [{ state: 'pending', reason: '', actor: 'customer', at: expect.any(Date) }],
  });
  expect(await stores.orders.find(order.id, uuidv7())).toBeUndefined();
  expect(await stores.eventsOf(order.id)).toEqual(['order.placed']);
});

test('50 placements with one id leave one order, one event and one job', async () => {
  const order = newOrder(uuidv7());
  const all = await Promise.all(Array.from({ length: 50 }, () => stores.orders.place(order)));
  expect(all).toEqual(all.map(() => true));
  expect(await stores.eventsOf(order.id)).toEqual(['order.placed']);
  expect(stores.scheduled.filter((id) => id === order.id)).toHaveLength(1);
});

test('keeps exact amounts, the largest included', async () => {
  const order = { ...newOrder(uuidv7()), total: euro(9_999_999_999_999_999n, 999_999_999) };
  await stores.orders.place(order);
  expect((await stores.orders.find(order.id))?.total).toEqual(order.total);
});

test('of 50 shipments one wins; a delivery follows once', async () => {
  const id = await confirmed();
  expect(await stores.orders.deliver(id)).toBe(false);
  const shipped = await Promise.all(Array.from({ length: 50 }, (_, place) => stores.orders.ship(id, `code ${place}`)));
  expect(shipped.filter(Boolean)).toHaveLength(1);
  const delivered = await Promise.all(Array.from({ length: 50 }, () => stores.orders.deliver(id)));
  expect(delivered.filter(Boolean)).toHaveLength(1);
  const order = await stores.orders.find(id);
  expect(order?.trackingCode).toBe(`code ${shipped.indexOf(true)}`);
  expect(order?.history.map(({ state, actor }) => `${state} ${actor}`)).toEqual([
    'pending customer',
    'reserved system',
    'paid system',
    'confirmed system',
    'shipped support',
    'delivered support',
  ]);
  expect(await stores.eventsOf(id)).toEqual(['order.placed', 'order.confirmed', 'order.shipped', 'order.delivered']);
});

test('a cancellation and a shipment exclude each other, fifty times', async () => {
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const userId = uuidv7();
      const id = await confirmed(userId);
      const both = await Promise.all([stores.orders.requestCancel(id, userId, ''), stores.orders.ship(id, '')]);
      expect(both.filter(Boolean)).toHaveLength(1);
      const order = await stores.orders.find(id);
      expect([order?.state, order?.cancelRequestedAt !== undefined, order?.rests]).toEqual(
        both[0] ? ['confirmed', true, false] : ['shipped', false, true],
      );
    }),
  );
});

test('a cancellation of a confirmed order begins its flow and its job, once', async () => {
  const userId = uuidv7();
  const id = await confirmed(userId);
  const before = stores.scheduled.length;
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, place) => stores.orders.requestCancel(id, userId, `reason ${place}`)),
  );
  expect(all.filter(Boolean)).toHaveLength(1);
  expect(stores.scheduled.slice(before)).toEqual([id]);
  expect(await stores.saga.take(id, uuidv7())).toMatchObject({ step: 'refund', failure: 'CANCELLED_BY_CUSTOMER' });
});

test('a cancellation needs the customer', async () => {
  const { id } = await placed();
  expect(await stores.orders.requestCancel(id, uuidv7(), '')).toBe(false);
});

test('pages through orders, newest first, by customer and state', async () => {
  const userId = uuidv7();
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) ids.unshift((await placed(userId)).id);
  ids.unshift(await confirmed(userId));
  const [first, ...rest] = await stores.orders.page({ userId }, { take: 10, after: undefined });
  expect([first, ...rest].map((order) => order?.id)).toEqual(ids);
  const after = [first!.createdAt.toISOString(), first!.id];
  expect((await stores.orders.page({ userId }, { take: 2, after })).map(({ id }) => id)).toEqual(ids.slice(1, 3));
  const pending = await stores.orders.page({ userId, state: 'pending' }, { take: 10, after: undefined });
  expect(pending.map(({ id }) => id)).toEqual(ids.slice(1));
});

test('erasure keeps what is sold and removes who bought it; later orders are refused', async () => {
  const userId = uuidv7();
  const open = await placed(userId);
  const id = await confirmed(userId);
  await stores.orders.requestCancel(id, userId, 'I moved to 12 St James Square');
  const taken = await stores.saga.take(id, uuidv7());
  if (!taken || taken === 'busy') throw new Error('not taken');
  const returning = await stores.saga.save(taken, moveAfter(taken, { kind: 'returned', captured: true }));
  await stores.saga.save(returning!, moveAfter(returning!, { kind: 'done' }));
  await stores.pool.query('INSERT INTO "order".owners (user_id) VALUES ($1) ON CONFLICT DO NOTHING', [userId]);
  await stores.pool.query('UPDATE "order".owners SET erased_at = now() WHERE user_id = $1', [userId]);
  await stores.db.$transaction((tx) => stores.effects.erase(tx, [userId]));
  const kept = await stores.orders.find(id);
  expect(kept).toMatchObject({
    userId: undefined,
    state: 'refunded',
    total: euro(24n, 690_000_000),
    address: { name: '', line1: '', city: '', postalCode: '', countryCode: 'GB' },
  });
  expect(kept?.lines).toHaveLength(2);
  expect(kept?.history.at(-1)).toMatchObject({ state: 'refunded', actor: 'customer', reason: '' });
  expect(await stores.saga.take(open.id, uuidv7())).toMatchObject({
    erased: true,
    userId: undefined,
    paymentMethod: '',
  });
  expect(await stores.orders.place(newOrder(userId))).toBe(false);
  const { rows } = await stores.pool.query(
    `SELECT FROM "order".orders o LEFT JOIN "order".history h ON h.order_id = o.id
     WHERE o.id = ANY($1) AND (o::text || h::text) ~ $2`,
    [[id, open.id], `${userId}|${address.line1}|${address.name}`],
  );
  expect(rows).toHaveLength(0);
});

test.each<[State, string | undefined, string[]]>([
  ['confirmed', 'refunded', ['order.placed', 'order.confirmed', 'order.refunded']],
  ['pending', 'pending', ['order.placed']],
])('a refund by support of an order that is %s, seen twice', async (state, then, events) => {
  const id = state === 'confirmed' ? await confirmed() : (await placed()).id;
  const message = { $typeName: 'signet.events.v1.PaymentRefunded' as const, orderId: id, fullyRefunded: true };
  for (let count = 0; count < 2; count++) {
    await stores.db.$transaction((tx) => stores.effects.ofPayment(tx, message as never));
  }
  expect(await stateOf(id)).toBe(then);
  expect(await stores.eventsOf(id)).toEqual(events);
});

test.each(['a partial refund', 'a refund by the saga'])('%s leaves the order as it is', async (kind) => {
  const userId = uuidv7();
  const id = await confirmed(userId);
  if (kind === 'a refund by the saga') await stores.orders.requestCancel(id, userId, '');
  const fullyRefunded = kind === 'a refund by the saga';
  const message = { $typeName: 'signet.events.v1.PaymentRefunded' as const, orderId: id, fullyRefunded };
  await stores.db.$transaction((tx) => stores.effects.ofPayment(tx, message as never));
  expect(await stateOf(id)).toBe('confirmed');
});
