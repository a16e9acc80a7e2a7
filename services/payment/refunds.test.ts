import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { outward, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { type Amount, compare, formatMoney, subtract } from '#kit/money/money.ts';
import type { Provider } from './domain/provider.ts';
import { euro, newPayment, openPaymentRig, orderCharge, type PaymentRig } from './testing/rig.ts';

const rejection = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

/** The calls of the tests. */
const callsOf = (rig: PaymentRig) => ({
  async made(method = 'pm_card_ok', amount = euro(10)) {
    const wanted = newPayment(method, amount);
    await rejection(rig.charges.create(wanted));
    return wanted.id;
  },
  refund: (id: string, amount?: Amount) => rig.refunds.refund(id, amount, { id: uuidv7(), reason: 'a test' }),
  charge: (order: ReturnType<typeof orderCharge>) => rig.charges.chargeOrder(order, uuidv7()),
  refundOrder: (orderId: string) =>
    rig.refunds.refundOrder(orderId, { id: uuidv7(), tombstoneId: uuidv7(), reason: 'a test' }),
});

describe('with a provider that answers', () => {
  let rig: PaymentRig;
  let calls: ReturnType<typeof callsOf>;
  beforeAll(async () => {
    rig = await openPaymentRig();
    calls = callsOf(rig);
  });
  afterAll(() => rig.close());

  test('gives back parts, and then what is left', async () => {
    const id = await calls.made();
    expect(await calls.refund(id, euro(2, 50))).toMatchObject({
      state: 'partially_refunded',
      amounts: { refunded: euro(2, 50), refunding: euro(0) },
    });
    expect(await calls.refund(id, euro(0, 1))).toMatchObject({ state: 'partially_refunded' });
    expect(await calls.refund(id)).toMatchObject({ state: 'refunded', amounts: { refunded: euro(10) } });
    expect(await rig.ledger.balance(id)).toBe('0.00');
    const events = await rig.rows<{ type: string }>(
      'SELECT type FROM payment.events WHERE subject = $1 ORDER BY n',
      id,
    );
    expect(events.map(({ type }) => type)).toEqual(['payment.succeeded', ...Array(3).fill('payment.refunded')]);
  });

  test('gives back exactly what is left, and not a cent more', async () => {
    const id = await calls.made();
    await calls.refund(id, euro(4));
    expect(reasonOf(await rejection(calls.refund(id, euro(6, 1))))).toBe('REFUND_TOO_LARGE');
    expect(await rig.ledger.balance(id)).toBe('6.00');
    expect(await calls.refund(id, euro(6))).toMatchObject({ state: 'refunded' });
    for (const amount of [undefined, euro(0, 1)]) {
      expect(reasonOf(await rejection(calls.refund(id, amount)))).toBe('REFUND_TOO_LARGE');
    }
  });

  test.each([
    ['0', euro(0)],
    ['a negative amount', euro(-1)],
    ['a fraction of a cent', { ...euro(1), nanos: 1_000_000 }],
    ['an unknown currency', { ...euro(1), currencyCode: 'ABC' }],
    ["another currency than the payment's", { ...euro(1), currencyCode: 'USD' }],
  ])('does not give back %s', async (_, amount) => {
    const id = await calls.made();
    const error = await rejection(calls.refund(id, amount));
    expect(reasonOf(error)).toBe('INVALID_ARGUMENT');
    expect(violationsOf(error)[0]?.field).toMatch(/^amount/);
    expect(await rig.ledger.balance(id)).toBe('10.00');
  });

  test('a payment from which nothing was captured is REFUND_TOO_LARGE, and an unknown one NOT_FOUND', async () => {
    expect(reasonOf(await rejection(calls.refund(await calls.made('pm_card_declined'))))).toBe('REFUND_TOO_LARGE');
    expect(reasonOf(await rejection(calls.refund(uuidv7())))).toBe('NOT_FOUND');
  });

  test('100 refunds at once never give back more than was captured', async () => {
    const id = await calls.made('pm_card_ok', euro(10));
    const asked = Array.from({ length: 100 }, (_, index) =>
      calls.refund(id, euro(0, 10 + (index % 5) * 10)).then(
        () => 'ok',
        (error: unknown) => reasonOf(outward(error)),
      ),
    );
    const results = new Set(await Promise.all(asked));
    // A database that is too busy refuses before anything is reserved.
    results.delete('SERVICE_UNAVAILABLE');
    expect(results).toEqual(new Set(['ok', 'REFUND_TOO_LARGE']));
    // Of a busy database the outcome may be unknown, and is recorded later.
    await rig.rows(`UPDATE payment.refunds SET due_at = now() - interval '1 second' WHERE state = 'pending'`);
    await rig.due.run(new AbortController().signal);
    const { amounts } = (await rig.store.find(id))!;
    expect(amounts?.refunding).toEqual(euro(0));
    expect(await rig.ledger.balance(id)).toBe(formatMoney(subtract(euro(10), amounts!.refunded)));
    expect(compare(amounts!.refunded, euro(10))).toBeLessThanOrEqual(0);
    expect(compare(amounts!.refunded, euro(9, 50))).toBeGreaterThan(0);
  });

  test('of 50 refunds of an order at once one is made', async () => {
    const order = orderCharge();
    await calls.charge(order);
    const payments = await Promise.all(Array.from({ length: 50 }, () => calls.refundOrder(order.orderId)));
    expect(new Set(payments.map(({ id }) => id)).size).toBe(1);
    expect(await calls.refundOrder(order.orderId)).toMatchObject({ state: 'refunded' });
    expect(await rig.rows('SELECT key FROM payment_sandbox.refunds WHERE charge_key = $1', order.orderId)).toHaveLength(
      1,
    );
    expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
  });

  test('the refund of an order gives back what support has left', async () => {
    const order = orderCharge('pm_card_ok', { amount: euro(10) });
    const { id } = await calls.charge(order);
    await calls.refund(id, euro(3));
    expect(await calls.refundOrder(order.orderId)).toMatchObject({
      state: 'refunded',
      amounts: { refunded: euro(10) },
    });
    expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
  });

  test('an order that was refunded before it was charged is never charged', async () => {
    const order = orderCharge();
    const tombstone = await calls.refundOrder(order.orderId);
    expect(tombstone).toMatchObject({ state: 'failed', orderId: order.orderId, amounts: undefined, failureCode: '' });
    expect(await calls.refundOrder(order.orderId)).toEqual(tombstone);
    for (const attempt of [1, 2]) expect(await calls.charge({ ...order, attempt })).toEqual(tombstone);
    expect(await rig.ledger.captures(order.orderId)).toEqual([]);
    expect(await rig.rows('SELECT 1 FROM payment.events WHERE subject = $1', tombstone.id)).toEqual([]);
    expect(reasonOf(await rejection(calls.refund(tombstone.id)))).toBe('REFUND_TOO_LARGE');
    // Lists show payments, and it is none.
    const filter = { userId: undefined, orderId: order.orderId, state: undefined };
    expect(await rig.store.page(filter, { take: 10, after: undefined })).toEqual([]);
  });

  test('a declined order that was refunded gets no further attempt', async () => {
    const order = orderCharge('pm_card_declined');
    await calls.charge(order);
    expect(await calls.refundOrder(order.orderId)).toMatchObject({ state: 'failed' });
    const next = { ...order, paymentMethod: 'pm_card_ok', attempt: 2 };
    expect(await calls.charge(next)).toMatchObject({ state: 'failed', attempt: 1 });
    expect(await rig.ledger.captures(order.orderId)).toEqual([]);
  });

  test('charges that race with refunds of their orders leave nothing captured', async () => {
    for (let round = 0; round < 20; round++) {
      const order = orderCharge();
      const works = Array.from({ length: 10 }, (_, index) =>
        index === round % 10 ? calls.refundOrder(order.orderId) : calls.charge(order),
      );
      await Promise.all(works);
      await rig.due.run(new AbortController().signal);
      const payment = await rig.store.findByOrder(order.orderId);
      expect(['failed', 'refunded']).toContain(payment?.state);
      expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
    }
  });
});

describe('with a provider whose outcome is unknown', () => {
  let rig: PaymentRig;
  let calls: ReturnType<typeof callsOf>;
  afterEach(() => rig.close());
  async function open(wrap: (sandbox: Provider) => Provider) {
    rig = await openPaymentRig({ wrap });
    calls = callsOf(rig);
  }

  test.each(['before', 'after'])('a refund that fails %s the money was given back is made once', async (when) => {
    let failures = 2;
    await open((sandbox) => ({
      ...sandbox,
      async refund(refund, signal) {
        const isFailing = failures-- > 0;
        if (isFailing && when === 'before') throw new Error('500');
        const outcome = await sandbox.refund(refund, signal);
        if (isFailing) throw new Error('500');
        return outcome;
      },
    }));
    const id = await calls.made();
    const payment = await calls.refund(id, euro(4));
    expect(payment).toMatchObject({ state: 'succeeded', amounts: { refunded: euro(0), refunding: euro(4) } });
    // What is under way cannot be given back a second time.
    expect(reasonOf(await rejection(calls.refund(id, euro(6, 1))))).toBe('REFUND_TOO_LARGE');
    rig.start();
    await expect
      .poll(() => rig.store.find(id))
      .toMatchObject({ state: 'partially_refunded', amounts: { refunded: euro(4), refunding: euro(0) } });
    expect(await rig.ledger.balance(id)).toBe('6.00');
    const events = await rig.rows(`SELECT 1 FROM payment.events WHERE type = 'payment.refunded'`);
    expect(events).toHaveLength(1);
  });

  test('a refund that the provider refuses is FAILED_PRECONDITION, and frees its amount', async () => {
    let isRefusing = true;
    await open((sandbox) => ({
      ...sandbox,
      refund: async (refund, signal) => (isRefusing ? { state: 'refused' } : sandbox.refund(refund, signal)),
    }));
    const id = await calls.made();
    expect(reasonOf(await rejection(calls.refund(id)))).toBe('FAILED_PRECONDITION');
    expect(await rig.store.find(id)).toMatchObject({ state: 'succeeded', amounts: { refunding: euro(0) } });
    isRefusing = false;
    expect(await calls.refund(id)).toMatchObject({ state: 'refunded' });
  });

  test('an order refunded while its charge is pending: what was captured is given back', async () => {
    let isHidden = true;
    await open((sandbox) => ({
      ...sandbox,
      async charge(charge, signal) {
        await sandbox.charge(charge, signal);
        throw new Error('500');
      },
      query: (key, signal) => (isHidden ? Promise.reject(new Error('500')) : sandbox.query(key, signal)),
    }));
    const order = orderCharge();
    expect(await calls.charge(order)).toMatchObject({ state: 'pending' });
    expect(await calls.refundOrder(order.orderId)).toMatchObject({ state: 'pending' });
    expect(await rig.ledger.balance(order.orderId)).toBe('12.34');
    isHidden = false;
    rig.start();
    await expect
      .poll(() => rig.store.findByOrder(order.orderId))
      .toMatchObject({ state: 'refunded', amounts: { refunded: euro(12, 34) } });
    expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
  });

  test('an order refunded while its charge has not reached the provider: the charge is given up', async () => {
    const gate = Promise.withResolvers<void>();
    await open((sandbox) => ({
      ...sandbox,
      async charge(charge, signal) {
        await gate.promise;
        return sandbox.charge(charge, signal);
      },
    }));
    const order = orderCharge();
    const charging = calls.charge(order);
    await expect.poll(() => rig.store.findByOrder(order.orderId)).toMatchObject({ state: 'pending' });
    expect(await calls.refundOrder(order.orderId)).toMatchObject({ state: 'failed', failureCode: 'expired' });
    gate.resolve();
    expect(await charging).toMatchObject({ state: 'failed', failureCode: 'expired' });
    expect(await rig.ledger.captures(order.orderId)).toEqual([]);
    expect(await rig.rows('SELECT type FROM payment.events')).toEqual([{ type: 'payment.failed' }]);
  });

  test('a webhook that is forged is refused, and one about an unknown key changes nothing', async () => {
    await open((sandbox) => sandbox);
    const body = Buffer.from(JSON.stringify({ key: randomUUID() }));
    for (const signature of ['', '00', 'ab'.repeat(32)]) {
      expect(() => rig.sandbox.receive(body, signature)).toThrow('the signature of a webhook is wrong');
    }
    for (const key of ['', 'x', randomUUID(), `${randomUUID()}:2`]) await rig.due.wake(key);
    expect(await rig.rows('SELECT 1 FROM payment.payments')).toEqual([]);
  });
});
