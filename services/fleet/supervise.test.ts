import { expect, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { Child } from './child.ts';
import { supervise } from './supervise.ts';

/** A child that starts, or does not, and ends when it is told to. */
function fake(starts: boolean) {
  const end = Promise.withResolvers<string>();
  const ready = starts
    ? Promise.resolve({ ports: { SIGNET_USER_PORT: 1 } })
    : Promise.reject(new StartError('port 1 is taken'));
  ready.catch(() => undefined);
  if (!starts) end.resolve('1');
  const child: Child = { ready, serving: Promise.resolve(), ended: end.promise, kill: (signal) => end.resolve(signal) };
  return { child, end: () => end.resolve('SIGKILL') };
}

/** Supervises what starts as often as is said, and not again. */
async function rig(starts: readonly boolean[]) {
  const made: ReturnType<typeof fake>[] = [];
  const closers: (() => unknown)[] = [];
  const failed = Promise.withResolvers<unknown>();
  let ready = 0;
  const first = supervise({
    async start() {
      made.push(fake(starts[made.length] ?? false));
      return made.at(-1)!.child;
    },
    onReady: () => ready++,
    log: silentLog,
    closing: { add: (close) => closers.push(close) },
    fail: failed.resolve,
    waits: [1, 2, 3],
  });
  return { first, made, failed: failed.promise, ready: () => ready, close: async () => closers[0]?.() };
}

test('what ends by itself is started again, as often as it lasts', async () => {
  const { first, made, ready, close } = await rig(Array(10).fill(true));
  await first;
  for (let round = 1; round < 9; round++) {
    made.at(-1)?.end();
    await expect.poll(ready).toBe(round + 1);
  }
  await close();
  expect(made).toHaveLength(9);
});

test('a first start that fails is told at once, in the words of the process', async () => {
  const { first, made } = await rig([false]);
  await expect(first).rejects.toThrow('port 1 is taken');
  expect(made).toHaveLength(1);
});

test('what fails at one start after the other ends the fleet, in the words of the process', async () => {
  const { first, made, failed } = await rig([true]);
  await first;
  made[0]?.end();
  expect(await failed).toMatchObject({ message: 'port 1 is taken' });
  expect(made).toHaveLength(1 + 3);
});

test('what failed at a start and then does not goes on', async () => {
  const { first, made, ready, close } = await rig([true, false, false, true]);
  await first;
  made[0]?.end();
  await expect.poll(ready).toBe(2);
  await close();
});

test('what was closed is not started again', async () => {
  const { first, made, close } = await rig([true, true]);
  await first;
  await close();
  expect(await made[0]?.child.ended).toBe('SIGTERM');
  expect(made).toHaveLength(1);
});
