import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import type { Provider } from './domain/provider.ts';
import { euro, newPayment, openPaymentRig, orderCharge, type PaymentRig } from './testing/rig.ts';

const rejection = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('with a provider that answers', () => {
  let rig: PaymentRig;
  beforeAll(async () => {
    rig = await openPaymentRig();
  });
  afterAll(() => rig.close());

  const charge = (order: ReturnType<typeof orderCharge>) => rig.charges.chargeOrder(order, uuidv7());

  test.each(['pm_card_ok', ''])('the payment method "%s" succeeds', async (method) => {
    const wanted = newPayment(method);
    const made = await rig.charges.create(wanted);
    expect(made).toMatchObject({ id: wanted.id, state: 'succeeded', paymentMethod: method, failureCode: '' });
    expect(made?.amounts).toEqual({ amount: euro(12, 34), refunded: euro(0), refunding: euro(0) });
    expect(await rig.ledger.captures(wanted.id)).toEqual([{ key: wanted.id, calls: 1 }]);
  });

  test('a declined payment is PAYMENT_DECLINED with its id, and is kept', async () => {
    const wanted = newPayment('pm_card_declined');
    const error = await rejection(rig.charges.create(wanted));
    expect(reasonOf(error)).toBe('PAYMENT_DECLINED');
    expect(metadataOf(infoOf(error))).toEqual({ payment_id: wanted.id });
    expect(await rig.store.find(wanted.id)).toMatchObject({ state: 'failed', failureCode: 'card_declined' });
    expect(await rig.ledger.captures(wanted.id)).toEqual([]);
  });

  test.each([
    ['an unknown payment method', newPayment('pm_unknown'), 'payment_method'],
    ['an amount of 0', newPayment('pm_card_ok', euro(0)), 'amount'],
    ['a negative amount', newPayment('pm_card_ok', euro(-1)), 'amount'],
    ['a fraction of a cent', newPayment('pm_card_ok', { ...euro(1), nanos: 1_000_000 }), 'amount'],
    ['an unknown currency', newPayment('pm_card_ok', { ...euro(1), currencyCode: 'ABC' }), 'amount.currency_code'],
  ])('%s is refused before anything is written', async (_, wanted, field) => {
    const forOrder = { ...wanted, orderId: randomUUID(), attempt: 1 };
    for (const ask of [() => rig.charges.create(wanted), () => charge(forOrder)]) {
      const error = await rejection(ask());
      expect(reasonOf(error)).toBe('INVALID_ARGUMENT');
      expect(violationsOf(error)).toMatchObject([{ field }]);
    }
    expect(await rig.rows('SELECT 1 FROM payment.payments WHERE user_id = $1', wanted.userId)).toEqual([]);
    expect(await rig.rows('SELECT 1 FROM payment.owners WHERE user_id = $1', wanted.userId)).toEqual([]);
  });

  test('the smallest and the largest amount are charged exactly', async () => {
    const largest = { currencyCode: 'EUR', units: 2n ** 63n - 1n, nanos: 990_000_000 };
    for (const amount of [euro(0, 1), largest, { currencyCode: 'KWD', units: 0n, nanos: 1_000_000 }]) {
      const made = await rig.charges.create(newPayment('pm_card_ok', amount));
      expect((await rig.store.find(made?.id ?? ''))?.amounts?.amount).toEqual(amount);
    }
  });

  test('of 50 charges of an order at once one is made, and all return its payment', async () => {
    const order = orderCharge();
    const payments = await Promise.all(Array.from({ length: 50 }, () => charge(order)));
    expect(new Set(payments.map(({ id }) => id)).size).toBe(1);
    expect(await rig.ledger.captures(order.orderId)).toEqual([{ key: order.orderId, calls: 1 }]);
    expect(await charge(order)).toMatchObject({ state: 'succeeded', orderId: order.orderId });
  });

  test.each([
    ['amount', { amount: euro(12, 35) }],
    ['currency', { amount: { ...euro(12, 34), currencyCode: 'USD' } }],
    ['user', { userId: randomUUID() }],
    ['payment method', { paymentMethod: '' }],
    ['description', { description: 'another' }],
  ])('another %s for the same order is IDEMPOTENCY_KEY_REUSED', async (_, change) => {
    const order = orderCharge();
    await charge(order);
    expect(reasonOf(await rejection(charge({ ...order, ...change })))).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await rig.ledger.balance(order.orderId)).toBe('12.34');
  });

  test('a declined charge of an order is a payment in state failed, and the next attempt has another key', async () => {
    const order = orderCharge('pm_card_declined');
    const first = await charge(order);
    expect(first).toMatchObject({ state: 'failed', failureCode: 'card_declined', attempt: 1 });
    expect(await charge(order)).toEqual(first);
    const next = { ...order, paymentMethod: 'pm_card_ok', attempt: 2 };
    const payments = await Promise.all(Array.from({ length: 50 }, () => charge(next)));
    expect(new Set(payments.map(({ id }) => id))).toEqual(new Set([first.id]));
    expect(await charge(next)).toMatchObject({ id: first.id, state: 'succeeded', failureCode: '', attempt: 2 });
    expect(await rig.ledger.captures(order.orderId)).toEqual([{ key: `${order.orderId}:2`, calls: 1 }]);
    // A late repetition of the first attempt is answered as the payment is.
    expect(await charge(order)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  test('no further attempt follows a success, and none is skipped', async () => {
    const order = orderCharge();
    await charge(order);
    expect(await charge({ ...order, attempt: 2 })).toMatchObject({ state: 'succeeded', attempt: 1 });
    const declined = orderCharge('pm_card_declined');
    await charge(declined);
    expect(await charge({ ...declined, attempt: 3 })).toMatchObject({ state: 'failed', attempt: 1 });
    const error = await rejection(charge(orderCharge('pm_card_ok', { attempt: 2 })));
    expect(violationsOf(error)).toMatchObject([{ field: 'attempt' }]);
    expect(reasonOf(await rejection(charge({ ...declined, attempt: 2, description: 'x' })))).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  test('a payment that exists with the id is continued, not charged a second time', async () => {
    const wanted = newPayment();
    const payments = await Promise.all(Array.from({ length: 20 }, () => rig.charges.create(wanted)));
    expect(new Set(payments.map((one) => one?.id))).toEqual(new Set([wanted.id]));
    expect(await rig.ledger.balance(wanted.id)).toBe('12.34');
    expect(await rig.ledger.captures(wanted.id)).toHaveLength(1);
  });
});

describe('with a provider whose outcome is unknown', () => {
  let rig: PaymentRig;
  afterEach(() => rig.close());

  const settled = (id: string) => expect.poll(async () => (await rig.store.find(id))?.state, { interval: 50 });

  test.each([
    ['pm_timeout_then_ok', false],
    ['pm_timeout_then_ok', true],
    ['pm_error_after_charge', false],
    ['pm_error_after_charge', true],
  ])('%s ends with one succeeded payment, webhooks: %s', async (method, webhooks) => {
    rig = await openPaymentRig({ webhooks, timeout: 500 });
    rig.start();
    const [direct, order] = [newPayment(method), orderCharge(method)];
    const made = await Promise.all([rig.charges.create(direct), rig.charges.chargeOrder(order, uuidv7())]);
    for (const payment of made) {
      // A webhook may arrive before the timeout.
      expect(['pending', 'succeeded']).toContain(payment?.state);
      await settled(payment?.id ?? '').toBe('succeeded');
    }
    expect([await rig.ledger.balance(direct.id), await rig.ledger.balance(order.orderId)]).toEqual(['12.34', '12.34']);
    // The late answer and the doubled webhooks arrive, and change nothing.
    await setTimeout(1_500);
    const events = await rig.rows('SELECT type FROM payment.events');
    expect(events).toEqual([{ type: 'payment.succeeded' }, { type: 'payment.succeeded' }]);
    expect(await rig.charges.chargeOrder(order, uuidv7())).toMatchObject({ state: 'succeeded' });
  });

  /** A provider that fails in `charge` before or after it has charged, and in `query`, for a number of calls. */
  function failing(calls: { before?: number; after?: number; query?: number }) {
    const left = { before: 0, after: 0, query: 0, ...calls };
    return (sandbox: Provider): Provider => ({
      ...sandbox,
      async charge(charge, signal) {
        if (left.before-- > 0) throw new Error('500');
        const outcome = await sandbox.charge(charge, signal);
        if (left.after-- > 0) throw new Error('500');
        return outcome;
      },
      async query(key, signal) {
        if (left.query-- > 0) throw new Error('500');
        return sandbox.query(key, signal);
      },
    });
  }

  test('charges with the same key if the provider has no record of the charge', async () => {
    rig = await openPaymentRig({ wrap: failing({ before: 2 }) });
    rig.start();
    const order = orderCharge();
    expect(await rig.charges.chargeOrder(order, uuidv7())).toMatchObject({ state: 'pending' });
    await expect.poll(() => rig.ledger.captures(order.orderId)).toEqual([{ key: order.orderId, calls: 1 }]);
  });

  test('a declined charge whose answer was lost is declined', async () => {
    rig = await openPaymentRig({ wrap: failing({ after: 1, query: 1 }) });
    rig.start();
    const { id } = await rig.charges.chargeOrder(orderCharge('pm_card_declined'), uuidv7());
    await settled(id).toBe('failed');
    expect(await rig.store.find(id)).toMatchObject({ failureCode: 'card_declined' });
  });

  test('a silent provider leaves the payment pending, asks again, and captures once when it answers', async () => {
    let isSilent = true;
    const never = () => new Promise<never>(() => undefined);
    rig = await openPaymentRig({
      timeout: 100,
      wrap: (sandbox) => ({
        ...sandbox,
        async charge(charge, signal) {
          const outcome = await sandbox.charge(charge, signal);
          return isSilent ? never() : outcome;
        },
        query: (key, signal) => (isSilent ? never() : sandbox.query(key, signal)),
      }),
    });
    rig.start();
    const order = orderCharge();
    const { id, state } = await rig.charges.chargeOrder(order, uuidv7());
    expect(state).toBe('pending');
    await expect.poll(async () => (await rig.store.find(id))?.asks).toBeGreaterThanOrEqual(2);
    expect(await rig.store.find(id)).toMatchObject({ state: 'pending' });
    isSilent = false;
    await settled(id).toBe('succeeded');
    expect(await rig.ledger.captures(order.orderId)).toEqual([{ key: order.orderId, calls: 1 }]);
  });

  test('a database that fails after the charge leaves the payment pending, and its outcome is recorded later', async () => {
    const rename = (from: string, to: string) => rig.rows(`ALTER TABLE payment.${from} RENAME TO ${to}`);
    rig = await openPaymentRig({
      wrap: (sandbox) => ({
        ...sandbox,
        async charge(charge, signal) {
          const outcome = await sandbox.charge(charge, signal);
          await rename('events', 'gone');
          return outcome;
        },
      }),
    });
    const wanted = newPayment();
    expect(await rig.charges.create(wanted)).toMatchObject({ state: 'pending' });
    await rename('gone', 'events');
    rig.start();
    await settled(wanted.id).toBe('succeeded');
    expect(await rig.ledger.captures(wanted.id)).toEqual([{ key: wanted.id, calls: 1 }]);
  });

  test('an unavailable check of the payment method is SERVICE_UNAVAILABLE, and nothing is written', async () => {
    rig = await openPaymentRig({
      wrap: (sandbox) => ({ ...sandbox, knows: () => Promise.reject(new Error('500')) }),
    });
    expect(reasonOf(await rejection(rig.charges.create(newPayment())))).toBe('SERVICE_UNAVAILABLE');
    expect(await rig.rows('SELECT 1 FROM payment.payments')).toEqual([]);
  });

  test('a charge of which the provider has had no record for a day is given up', async () => {
    rig = await openPaymentRig({ wrap: failing({ before: 1 }) });
    const order = orderCharge();
    const { id } = await rig.charges.chargeOrder(order, uuidv7());
    await rig.rows(
      `UPDATE payment.payments SET attempted_at = now() - interval '24 hours', due_at = now() - interval '1 second'`,
    );
    await rig.due.run(new AbortController().signal);
    expect(await rig.store.find(id)).toMatchObject({ state: 'failed', failureCode: 'expired' });
    // A call that was delayed on its way charges nothing.
    const late = { key: order.orderId, amount: order.amount, paymentMethod: '', description: '' };
    expect(await rig.sandbox.charge(late, AbortSignal.timeout(1_000))).toMatchObject({ state: 'refused' });
    expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
  });
});

describe('the schedule of questions', () => {
  let rig: PaymentRig;
  beforeEach(async () => {
    rig = await openPaymentRig({ wrap: (sandbox) => ({ ...sandbox, charge: () => Promise.reject(new Error('500')) }) });
  });
  afterEach(() => rig.close());

  const clock = async () => (await rig.rows<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]!.now.getTime();

  test('follows an unknown outcome after 1, 2, 4, 8 s and so on, up to 5 minutes', async () => {
    const due = async () => (await rig.rows<{ due_at: Date }>('SELECT due_at FROM payment.payments'))[0]!.due_at;
    const waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
    for (const [place, seconds] of waits.entries()) {
      const before = await clock();
      const asked =
        place === 0 ? [await rig.charges.chargeOrder(orderCharge(), uuidv7())] : await rig.store.takeDue(10);
      expect(asked).toHaveLength(1);
      const at = (await due()).getTime();
      expect(at).toBeGreaterThanOrEqual(before + seconds * 1_000);
      expect(at).toBeLessThanOrEqual((await clock()) + seconds * 1_000);
      expect(await rig.store.takeDue(10)).toEqual([]);
      await rig.rows("UPDATE payment.payments SET due_at = now() - interval '1 second'");
    }
  });

  test('of 20 replicas one takes a payment', async () => {
    for (let count = 0; count < 30; count++) await rig.charges.chargeOrder(orderCharge(), uuidv7());
    await rig.rows("UPDATE payment.payments SET due_at = now() - interval '1 second'");
    const taken = await Promise.all(Array.from({ length: 20 }, () => rig.store.takeDue(3)));
    const ids = taken.flat().map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([30, 30]);
  });
});
