import { fromBinary, toJson } from '@bufbuild/protobuf';
import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  PaymentFailedSchema,
  PaymentRefundedSchema,
  PaymentSucceededSchema,
} from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { PaymentFilter } from '../domain/payment.ts';
import { euro, newPayment, openPaymentRig, orderCharge, type PaymentRig } from '../testing/rig.ts';
import { anonymize } from './erasure.ts';
import { createPaymentEvents } from './events.ts';
import { createPaymentStore } from './payments.ts';

let rig: PaymentRig;
beforeAll(async () => {
  rig = await openPaymentRig();
});
afterAll(() => rig.close());

const refundOf = () => ({ id: uuidv7(), tombstoneId: uuidv7(), reason: 'does not fit' });

test('events hold ids and amounts', async () => {
  const schemas = {
    'payment.succeeded': PaymentSucceededSchema,
    'payment.failed': PaymentFailedSchema,
    'payment.refunded': PaymentRefundedSchema,
  };
  const order = orderCharge('pm_card_declined');
  const { id } = await rig.charges.chargeOrder(order, uuidv7());
  await rig.charges.chargeOrder({ ...order, paymentMethod: '', attempt: 2 }, uuidv7());
  await rig.refunds.refund(id, euro(2), refundOf());
  await rig.refunds.refund(id, undefined, refundOf());
  const rows = await rig.rows<{ type: keyof typeof schemas; data: Uint8Array }>(
    'SELECT type, data FROM payment.events WHERE subject = $1 ORDER BY n',
    id,
  );
  const common = { payment_id: id, user_id: order.userId, order_id: order.orderId };
  const money = (units: string, nanos?: number) => ({ currency_code: 'EUR', units, ...(nanos ? { nanos } : {}) });
  const all = money('12', 340_000_000);
  expect(
    rows.map(({ type, data }) => toJson(schemas[type], fromBinary(schemas[type], data), { useProtoFieldName: true })),
  ).toEqual([
    { ...common, amount: all, failure_code: 'card_declined', failed_at: expect.any(String) },
    { ...common, amount: all, succeeded_at: expect.any(String) },
    { ...common, amount: money('2'), refunded_amount: money('2'), refunded_at: expect.any(String) },
    {
      ...common,
      amount: money('10', 340_000_000),
      refunded_amount: all,
      fully_refunded: true,
      refunded_at: expect.any(String),
    },
  ]);
});

test('of 50 outcomes at once one is recorded, with its event', async () => {
  const { payment } = (await rig.store.begin(newPayment(), 60_000))!;
  const outcomes = Array.from({ length: 50 }, (_, index) =>
    rig.store.settle(payment, index % 2 ? { state: 'captured' } : { state: 'refused', code: 'card_declined' }),
  );
  expect(new Set((await Promise.all(outcomes)).map(({ state }) => state)).size).toBe(1);
  expect(await rig.rows('SELECT 1 FROM payment.events WHERE subject = $1', payment.id)).toHaveLength(1);
});

test('the outcome of an older attempt changes nothing', async () => {
  const order = orderCharge('pm_card_declined');
  const first = await rig.charges.chargeOrder(order, uuidv7());
  await rig.store.beginAttempt(first, '', 60_000);
  expect(await rig.store.settle(first, { state: 'captured' })).toMatchObject({ state: 'pending', attempt: 2 });
});

test('the database refuses to give back more than was captured', async () => {
  const { payment } = (await rig.store.begin(newPayment(), 60_000))!;
  await rig.store.settle(payment, { state: 'captured' });
  for (const column of ['refunded', 'refunding']) {
    const more = rig.rows(`UPDATE payment.payments SET ${column} = amount + 0.01 WHERE id = $1`, payment.id);
    await expect(more).rejects.toThrow('payments_refunded_check');
  }
});

describe('erasure', () => {
  const erase = (...userIds: string[]) => {
    const erasure = createErasure({
      service: 'payment',
      db: rig.db,
      auth: undefined as never,
      erase: (ids, tx) => anonymize(tx, ids),
      log: silentLog,
    });
    return rig.db.$transaction((tx) => erasure.apply(userIds, tx));
  };

  test('removes user, description, payment method and reasons; id, amounts, times and state remain', async () => {
    const order = orderCharge();
    const before = await rig.charges.chargeOrder(order, uuidv7());
    const other = await rig.charges.chargeOrder(orderCharge(), uuidv7());
    await rig.refunds.refund(before.id, euro(2), refundOf());
    const kept = await rig.store.find(before.id);
    await erase(order.userId);
    expect(await rig.store.find(before.id)).toEqual({
      ...kept,
      userId: undefined,
      description: undefined,
      paymentMethod: undefined,
    });
    expect(await rig.rows('SELECT reason FROM payment.refunds WHERE payment_id = $1', before.id)).toEqual([
      { reason: '' },
    ]);
    expect(await rig.store.find(other.id)).toEqual(other);
    // The money can still be given back, and the order's calls still find it.
    expect(await rig.charges.chargeOrder(order, uuidv7())).toMatchObject({ id: before.id });
    expect(await rig.refunds.refundOrder(order.orderId, refundOf())).toMatchObject({ state: 'refunded' });
  });

  test('an erased account is not charged', async () => {
    const order = orderCharge();
    await erase(order.userId);
    expect(await rig.charges.create({ ...newPayment(), userId: order.userId })).toBeUndefined();
    const refused = await rig.charges.chargeOrder(order, uuidv7());
    expect(refused).toMatchObject({ state: 'failed', failureCode: 'provider_error', userId: undefined });
    expect(await rig.charges.chargeOrder(order, uuidv7())).toEqual(refused);
    expect(await rig.charges.chargeOrder({ ...order, attempt: 2 }, uuidv7())).toEqual(refused);
    expect(await rig.ledger.captures(order.orderId)).toEqual([]);
    const rows = await rig.rows('SELECT 1 FROM payment.payments WHERE user_id = $1', order.userId);
    expect(rows).toEqual([]);
  });

  test('charges that race with the erasure leave no data of the account', async () => {
    for (let round = 0; round < 10; round++) {
      const userId = randomUUID();
      const works = Array.from({ length: 20 }, (_, index) =>
        index === round * 2 ? erase(userId) : rig.charges.chargeOrder(orderCharge('', { userId }), uuidv7()),
      );
      await Promise.all(works);
      expect(await rig.rows('SELECT 1 FROM payment.payments WHERE user_id = $1', userId)).toEqual([]);
    }
  });
});

describe('lists of 100,000 payments', () => {
  const userId = randomUUID();
  beforeAll(async () => {
    await rig.rows(
      `INSERT INTO payment.payments (id, user_id, order_id, state, currency, amount, created_at)
       SELECT gen_random_uuid(), CASE WHEN n % 100 = 0 THEN $1::uuid ELSE gen_random_uuid() END, gen_random_uuid(),
         CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END, 'EUR', 1, now() - n * interval '1 second'
       FROM generate_series(1, 100000) AS n`,
      userId,
    );
    await rig.rows('ANALYZE payment.payments');
  });

  /** A store whose statements are explained instead. */
  async function planOf(filter: Partial<PaymentFilter>, after?: readonly string[]): Promise<string> {
    let plan = '';
    const explaining = {
      async $queryRaw(statement: Sql) {
        const rows = await rig.rows<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement.text}`, ...statement.values);
        plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        return [];
      },
    } as unknown as Transactional;
    const store = createPaymentStore(explaining, createPaymentEvents(), uuidv7);
    await store.page({ userId: undefined, orderId: undefined, state: undefined, ...filter }, { take: 21, after });
    return plan;
  }

  test.each<[string, Partial<PaymentFilter>]>([
    ["of a user's payments", { userId }],
    ['of all payments', {}],
    ['of all payments in a state', { state: 'failed' }],
    ['of the payment of an order', { orderId: randomUUID() }],
    ["of a user's payments in a state", { userId, state: 'failed' }],
  ])('read an index for a page %s', async (_, filter) => {
    for (const after of [undefined, [new Date().toISOString(), randomUUID()]]) {
      const plan = await planOf(filter, after);
      expect(plan).toContain('Index');
      expect(plan).not.toContain('Seq Scan');
    }
  });

  test('pages are complete and without repetition, newest first', async () => {
    const seen: string[] = [];
    let after: readonly string[] | undefined;
    for (;;) {
      const page = await rig.store.page({ userId, orderId: undefined, state: undefined }, { take: 300, after });
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
      const last = page.at(-1)!;
      after = [last.createdAt.toISOString(), last.id];
      // A payment that is made meanwhile is on no later page.
      await rig.store.begin({ ...newPayment(), userId }, 60_000);
    }
    expect([seen.length, new Set(seen).size]).toEqual([1_000, 1_000]);
  });

  test('what is due is found by an index', async () => {
    const rows = await rig.rows<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT id FROM payment.payments WHERE state = 'pending' AND due_at <= now() ORDER BY due_at LIMIT 20`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('Index Scan');
    expect(plan).not.toContain('Seq Scan');
  });
});
