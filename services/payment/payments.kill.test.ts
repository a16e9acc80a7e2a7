import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import { openPaymentRig, orderCharge, type PaymentRig } from './testing/rig.ts';

const program = fileURLToPath(new URL('testing/killed-process.ts', import.meta.url));

let rig: PaymentRig;
beforeAll(async () => {
  rig = await openPaymentRig();
  rig.start();
});
afterAll(() => rig.close());

/** Runs the process until it has killed itself. Returns what it charged for. */
async function killedAt(point: string) {
  const { orderId, userId } = orderCharge();
  const env = {
    ...childEnvironment,
    DATABASE_URL: rig.url.reveal(),
    POINT: point,
    ORDER_ID: orderId,
    USER_ID: userId,
    PAYMENT_ID: uuidv7(),
    REFUND_ID: uuidv7(),
  };
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [, signal] = (await once(child, 'exit')) as [unknown, string];
  expect(signal).toBe('SIGKILL');
  return orderCharge('pm_card_ok', { orderId, userId });
}

const stateOf = (orderId: string) =>
  expect.poll(async () => (await rig.store.findByOrder(orderId))?.state, { interval: 50 });

const eventsOf = async (orderId: string) => {
  const payment = await rig.store.findByOrder(orderId);
  const rows = await rig.rows<{ type: string }>(
    'SELECT type FROM payment.events WHERE subject = $1 ORDER BY n',
    payment?.id,
  );
  return rows.map(({ type }) => type);
};

const charging = ['before the charge', 'after the charge', 'after its outcome was recorded'];

describe.each(charging)('a process that is killed %s', (point) => {
  test('leaves one capture and one succeeded payment', async () => {
    const order = await killedAt(point);
    // The caller does not know the outcome, and repeats the call.
    const repeated = await Promise.all(Array.from({ length: 5 }, () => rig.charges.chargeOrder(order, uuidv7())));
    expect(new Set(repeated.map(({ id }) => id)).size).toBe(1);
    await stateOf(order.orderId).toBe('succeeded');
    expect(await rig.ledger.captures(order.orderId)).toHaveLength(1);
    expect(await rig.ledger.balance(order.orderId)).toBe('12.34');
    expect(await eventsOf(order.orderId)).toEqual(['payment.succeeded']);
  });

  test('leaves nothing captured if the order is then refunded', async () => {
    const order = await killedAt(point);
    await rig.refunds.refundOrder(order.orderId, { id: uuidv7(), tombstoneId: uuidv7(), reason: '' });
    await expect.poll(async () => (await rig.store.findByOrder(order.orderId))?.state).toMatch(/^(failed|refunded)$/);
    expect(await rig.ledger.balance(order.orderId)).toBe('0.00');
  });
});

describe.each(['before the refund', 'after the refund', 'after the refund was recorded'])(
  'a process that is killed %s',
  (point) => {
    test('leaves one refund', async () => {
      const { orderId } = await killedAt(point);
      await stateOf(orderId).toBe('refunded');
      const refunds = await rig.rows('SELECT key FROM payment_sandbox.refunds WHERE charge_key = $1', orderId);
      expect(refunds).toHaveLength(1);
      expect(await rig.ledger.balance(orderId)).toBe('0.00');
      expect(await eventsOf(orderId)).toEqual(['payment.succeeded', 'payment.refunded']);
      // The caller repeats its call.
      const again = { id: randomUUID(), tombstoneId: randomUUID(), reason: '' };
      expect(await rig.refunds.refundOrder(orderId, again)).toMatchObject({ state: 'refunded' });
    });
  },
);
