import { expect, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { Child } from './child.ts';
import { supervise } from './supervise.ts';

/** A fake child that starts or fails, and ends on request. */
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

/** Supervises fake children whose starts succeed as listed; later starts fail. */
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

test('restarts a process that exits, any number of times', async () => {
  const { first, made, ready, close } = await rig(Array(10).fill(true));
  await first;
  for (let round = 1; round < 9; round++) {
    made.at(-1)?.end();
    await expect.poll(ready).toBe(round + 1);
  }
  await close();
  expect(made).toHaveLength(9);
});

test('rejects with the error output if the first start fails', async () => {
  const { first, made } = await rig([false]);
  await expect(first).rejects.toThrow('port 1 is taken');
  expect(made).toHaveLength(1);
});

test('fails with the error output after too many consecutive failed starts', async () => {
  const { first, made, failed } = await rig([true]);
  await first;
  made[0]?.end();
  expect(await failed).toMatchObject({ message: 'port 1 is taken' });
  expect(made).toHaveLength(1 + 3);
});

test('continues after a failed restart is followed by a successful one', async () => {
  const { first, made, ready, close } = await rig([true, false, false, true]);
  await first;
  made[0]?.end();
  await expect.poll(ready).toBe(2);
  await close();
});

test('does not restart a process after closing', async () => {
  const { first, made, close } = await rig([true, true]);
  await first;
  await close();
  expect(await made[0]?.child.ended).toBe('SIGTERM');
  expect(made).toHaveLength(1);
});
