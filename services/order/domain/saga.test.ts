import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SagaDeps } from './saga.ts';
import { type Fate, faultsOf, openWorld, type Plan } from './testing/world.ts';
import { type Step, steps, turnBefore } from './steps.ts';

test('takes an order through its states', async () => {
  const world = openWorld();
  expect(await world.drive()).toBe('rests');
  expect(world.reached).toEqual(['pending', 'reserved', 'paid', 'confirmed']);
  expect(world.calls).toEqual(['reserve', 'charge', 'confirm', 'clear']);
  expect(world.ledger).toEqual({ captures: 1, refunds: 0, stock: 'sold', wasSold: true, cleared: 1 });
});

test.each<[string, Plan, string, string, readonly Step[]]>([
  ['missing stock', { short: true }, 'cancelled', 'OUT_OF_STOCK', ['reserve', 'release']],
  [
    'a declined payment',
    { declined: true },
    'cancelled',
    'PAYMENT_DECLINED',
    ['reserve', 'charge', 'refund', 'release'],
  ],
  [
    'a reservation that ran out at the pivot',
    { expires: true },
    'refunded',
    'OUT_OF_STOCK',
    ['reserve', 'charge', 'confirm', 'refund', 'release'],
  ],
  [
    'a cancellation during the charge',
    { meanwhile: (step, world) => step === 'charge' && world.cancel() },
    'refunded',
    'CANCELLED_BY_CUSTOMER',
    ['reserve', 'charge', 'refund', 'release'],
  ],
  [
    'a cancellation during the pivot, after which the order is cancelled',
    { meanwhile: (step, world) => step === 'confirm' && world.cancel() },
    'refunded',
    'CANCELLED_BY_CUSTOMER',
    ['reserve', 'charge', 'confirm', 'confirm', 'refund', 'release'],
  ],
  [
    'a deadline that passes during the reservation',
    { meanwhile: (step, world) => step === 'reserve' && world.setDeadline(new Date(0)) },
    'cancelled',
    'DEADLINE',
    ['reserve', 'release'],
  ],
  [
    'an erasure during the charge',
    { meanwhile: (step, world) => step === 'charge' && world.erase() },
    'refunded',
    'ACCOUNT_DELETED',
    ['reserve', 'charge', 'refund', 'release'],
  ],
])('undoes what was done: %s', async (_, plan, state, failure, calls) => {
  const world = openWorld(plan);
  expect(await world.drive()).toBe('rests');
  expect(world.order()).toMatchObject({ state, failure });
  expect(world.calls).toEqual(calls);
  expect(faultsOf(world)).toEqual([]);
});

test('neither the clock nor an erasure turns an order back at the pivot', async () => {
  const world = openWorld({
    fates: ['ok', 'ok', 'lost after'],
    meanwhile(step, { order, setDeadline, erase }) {
      if (step !== 'confirm' || order().erased) return;
      setDeadline(new Date(0));
      erase();
    },
  });
  expect(await world.drive()).toBe('rests');
  expect(world.order()).toMatchObject({ state: 'confirmed', failure: undefined });
  expect(faultsOf(world)).toEqual([]);
});

test('a call that failed without a refusal is repeated, not undone', async () => {
  const world = openWorld({
    fates: ['lost before', 'lost after', 'ok', 'lost after', 'ok', 'lost before', 'ok', 'ok'],
  });
  expect(await world.drive()).toBe('rests');
  expect(world.order().state).toBe('confirmed');
  expect(world.calls).toEqual(['reserve', 'reserve', 'reserve', 'charge', 'charge', 'confirm', 'confirm', 'clear']);
  expect(world.ledger.captures).toBe(1);
});

test('a cancelled confirmed order gives the money back, then the stock', async () => {
  const world = openWorld();
  await world.drive();
  world.cancel();
  expect(await world.drive()).toBe('rests');
  expect(world.reached).toEqual(['pending', 'reserved', 'paid', 'confirmed', 'refunded']);
  expect(world.calls.slice(4)).toEqual(['refund', 'release']);
  expect(faultsOf(world)).toEqual([]);
});

test('a refund by support before the confirmation moves the order after it, and leaves the stock', async () => {
  const world = openWorld({ meanwhile: (step, { refundBySupport }) => step === 'confirm' && refundBySupport() });
  expect(await world.drive()).toBe('rests');
  expect(world.reached).toEqual(['pending', 'reserved', 'paid', 'confirmed', 'refunded']);
  expect(world.ledger.stock).toBe('sold');
});

const anyFate = fc.constantFrom<Fate>('ok', 'ok', 'lost before', 'lost after');
const anyStep = fc.constantFrom<Step>('reserve', 'charge', 'confirm', 'clear', 'refund', 'release');
const anyThing = fc.constantFrom('cancel', 'erase', 'refund by support', 'deadline', 'another driver');
const anyPlan = fc.record({
  short: fc.boolean(),
  declined: fc.boolean(),
  expires: fc.boolean(),
  fates: fc.array(anyFate, { maxLength: 12 }),
  happens: fc.array(fc.tuple(anyStep, anyThing), { maxLength: 3 }),
});

/** Runs sagas of any plan and returns what is wrong with each. */
function inAnyWorld(check: (faults: readonly string[]) => void, options: Partial<SagaDeps> = {}) {
  return fc.asyncProperty(anyPlan, async ({ happens, ...plan }) => {
    const left = [...happens];
    const others: Promise<unknown>[] = [];
    const world = openWorld({
      ...plan,
      meanwhile(step, { cancel, erase, refundBySupport, setDeadline, drive }) {
        const place = left.findIndex(([at]) => at === step);
        const [found] = place < 0 ? [] : left.splice(place, 1);
        if (found?.[1] === 'cancel') cancel();
        if (found?.[1] === 'erase') erase();
        if (found?.[1] === 'refund by support') refundBySupport();
        if (found?.[1] === 'deadline') setDeadline(new Date(0));
        if (found?.[1] === 'another driver') others.push(drive(options));
      },
    });
    await world.drive(options);
    while (others.length > 0) await others.pop();
    check(faultsOf(world));
  });
}

test('money and stock fit the final state, whatever fails and happens in between, with several drivers', async () => {
  await fc.assert(
    inAnyWorld((faults) => expect(faults).toEqual([])),
    { numRuns: 2_000 },
  );
});

test('without the pivot rule, an order is undone although it was sold', async () => {
  const confirm = { ...steps.confirm, pivot: false };
  const turn: typeof turnBefore = (order, now) => turnBefore(order, now, { ...steps, confirm });
  const found = new Set<string>();
  await fc.assert(
    inAnyWorld((faults) => faults.forEach((one) => found.add(one)), { turn }),
    { numRuns: 2_000 },
  );
  expect(found).toContain('sold and never confirmed');
});
