import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Call, currentCall, runInCall } from '#kit/call/call.ts';
import { createChanges } from '#kit/db/changes.ts';
import type { Driven } from './domain/saga.ts';
import { createDrivers } from './drivers.ts';

/** Drivers whose drives are answered by the test. */
function opened(options: { wait?: number; rests?: () => boolean } = {}) {
  const changes = createChanges('c');
  const drives: {
    signal: AbortSignal;
    call: unknown;
    end: (driven: Driven) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const errors: unknown[] = [];
  const drivers = createDrivers({
    drive(_, __, signal) {
      const { promise, resolve: end, reject: fail } = Promise.withResolvers<Driven>();
      drives.push({ signal, call: currentCall(), end, fail });
      return promise;
    },
    rests: async () => options.rests?.() ?? false,
    watch: changes.watch,
    wait: options.wait ?? 60_000,
    patience: 60_000,
    onError: (error) => errors.push(error),
  });
  return { drivers, drives, errors, change: () => changes.heard['c']?.('o') };
}

test('settles once the saga rests', async () => {
  const { drivers, drives } = opened();
  const settled = drivers.settle('o');
  drives[0]?.end('rests');
  await expect(settled).resolves.toBeUndefined();
});

test('settles after its wait, while the drive goes on', async () => {
  const { drivers, drives } = opened({ wait: 20 });
  await drivers.settle('o');
  expect(drives[0]?.signal.aborted).toBe(false);
});

test('drives outside the call: without its token and deadline', async () => {
  const { drivers, drives } = opened();
  const settled = runInCall({ requestId: 'r' } as Call, () => drivers.settle('o'));
  drives[0]?.end('rests');
  await settled;
  expect(drives[0]?.call).toBeUndefined();
});

test('looks at an order that another driver holds whenever it changes', async () => {
  let looks = 0;
  const { drivers, drives, change } = opened({ rests: () => (looks += 1) > 1 });
  const settled = drivers.settle('o');
  drives[0]?.end('busy');
  await expect.poll(() => looks).toBe(1);
  change();
  await settled;
  expect(looks).toBe(2);
});

test('an error of a drive is reported, and the order is left to its job', async () => {
  const { drivers, drives, errors } = opened({ rests: () => true });
  const settled = drivers.settle('o');
  drives[0]?.fail(new Error('no database'));
  await settled;
  expect(errors).toMatchObject([{ message: 'no database' }]);
});

test('close aborts the drives, waits for them, and ends waiting', async () => {
  const { drivers, drives } = opened();
  const settled = drivers.settle('o');
  let isClosed = false;
  const closing = drivers.close().then(() => (isClosed = true));
  expect(drives[0]?.signal.aborted).toBe(true);
  await sleep(10);
  expect(isClosed).toBe(false);
  drives[0]?.end('later');
  await Promise.all([closing, settled]);
});
