import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SagaOrder } from '../domain/saga.ts';
import { moveAfter } from '../domain/steps.ts';
import { newOrder, openStores } from './testing/rig.ts';

// Longer than 50 statements take on a busy machine.
const hold = 10_000;
let stores: Awaited<ReturnType<typeof openStores>>;
beforeAll(async () => {
  stores = await openStores({ hold });
});
afterAll(() => stores.close());

async function taken(driver = uuidv7()): Promise<SagaOrder> {
  const order = newOrder(uuidv7());
  await stores.orders.place(order);
  return heldBy(order.id, driver);
}

async function heldBy(id: string, driver: string): Promise<SagaOrder> {
  const order = await stores.saga.take(id, driver);
  if (!order || order === 'busy') throw new Error(`not taken: ${order}`);
  return order;
}

test('of 50 drivers one takes an order, again after its hold and when it is released', async () => {
  const { id } = newOrder(uuidv7());
  await stores.orders.place(newOrder(uuidv7(), id));
  const drivers = Array.from({ length: 50 }, () => uuidv7());
  const all = await Promise.all(drivers.map((driver) => stores.saga.take(id, driver)));
  expect(all.filter((one) => one !== 'busy')).toHaveLength(1);
  const winner = drivers[all.findIndex((one) => one !== 'busy')]!;
  await stores.saga.release(
    id,
    drivers.find((one) => one !== winner)!,
  );
  expect(await stores.saga.take(id, uuidv7())).toBe('busy');
  expect(await stores.saga.take(id, winner)).toMatchObject({ id });
  await stores.saga.release(id, winner);
  const second = uuidv7();
  expect(await stores.saga.take(id, second)).toMatchObject({ id });
  await expect.poll(() => stores.saga.take(id, uuidv7())).toMatchObject({ id });
});

test('of 50 moves from one version one is written, with one entry and one event', async () => {
  let order = await taken();
  for (const outcome of [{ kind: 'done' }, { kind: 'captured', paymentId: uuidv7() }, { kind: 'done' }] as const) {
    const moves = await Promise.all(
      Array.from({ length: 50 }, () => stores.saga.save(order, moveAfter(order, outcome))),
    );
    const written = moves.filter((one) => one !== undefined);
    expect(written).toHaveLength(1);
    order = written[0]!;
  }
  expect(order).toMatchObject({ state: 'confirmed', step: 'clear', version: 3 });
  expect((await stores.orders.find(order.id))?.history.map(({ state }) => state)).toEqual([
    'pending',
    'reserved',
    'paid',
    'confirmed',
  ]);
  expect(await stores.eventsOf(order.id)).toEqual(['order.placed', 'order.confirmed']);
});

test('a move is not written after a cancellation that it has not seen', async () => {
  const order = await taken();
  await stores.orders.requestCancel(order.id, order.userId!, 'too late');
  expect(await stores.saga.save(order, moveAfter(order, { kind: 'done' }))).toBeUndefined();
  expect(await heldBy(order.id, uuidv7()).catch(() => 'busy')).toBe('busy');
});

test('refuses a move to a state that the table does not allow', async () => {
  const order = await taken();
  const reaches = { state: 'shipped', actor: 'system' } as const;
  await expect(stores.saga.save(order, { step: undefined, reaches })).rejects.toThrow('no transition');
});

test('keeps why an order failed, which products were missing, and the words of the customer', async () => {
  const failed = await taken();
  const refused = { kind: 'refused', failure: 'OUT_OF_STOCK', productIds: 'a,b' } as const;
  const back = await stores.saga.save(failed, moveAfter(failed, refused));
  expect(back).toMatchObject({ step: 'release', failure: 'OUT_OF_STOCK', state: 'pending' });
  await stores.saga.save(back!, moveAfter(back!, { kind: 'done' }));
  const shown = await stores.orders.find(failed.id);
  expect(shown).toMatchObject({ rests: true, failure: 'OUT_OF_STOCK', productIds: 'a,b', state: 'cancelled' });
  expect(shown?.history.at(-1)).toMatchObject({ state: 'cancelled', reason: 'OUT_OF_STOCK', actor: 'system' });

  const driver = uuidv7();
  const cancelled = await taken(driver);
  await stores.orders.requestCancel(cancelled.id, cancelled.userId!, 'Ordered twice');
  const again = await heldBy(cancelled.id, driver);
  const undone = await stores.saga.save(again, { step: 'release', failure: 'CANCELLED_BY_CUSTOMER' });
  await stores.saga.save(undone!, moveAfter(undone!, { kind: 'done' }));
  expect((await stores.orders.find(cancelled.id))?.history.at(-1)).toMatchObject({
    state: 'cancelled',
    reason: 'Ordered twice',
    actor: 'customer',
  });
  expect(await stores.saga.take(cancelled.id, uuidv7())).toMatchObject({ step: undefined });
});

test('an unknown order is not taken', async () => {
  expect(await stores.saga.take(uuidv7(), uuidv7())).toBeUndefined();
});
