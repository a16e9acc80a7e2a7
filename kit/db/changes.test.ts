import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createChanges } from './changes.ts';

function opened() {
  const changes = createChanges('channel');
  return { changes, tell: (payload?: string) => changes.heard['channel']?.(payload) };
}

/** Whether a promise resolves before a few turns of the event loop have passed. */
async function isResolved(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), sleep(20).then(() => false)]);
}

test('wakes the watchers of what changed, and no others', async () => {
  const { changes, tell } = opened();
  const [a, b] = [changes.watch('a'), changes.watch('b')];
  const [nextA, nextB] = [a.next(60_000), b.next(60_000)];
  tell('a');
  expect(await isResolved(nextA)).toBe(true);
  expect(await isResolved(nextB)).toBe(false);
  b.close();
  await nextB;
});

test('a change before the wait ends it at once, and once', async () => {
  const { changes, tell } = opened();
  const watched = changes.watch('a');
  tell('a');
  tell('a');
  await watched.next(60_000);
  const second = watched.next(60_000);
  expect(await isResolved(second)).toBe(false);
  watched.close();
  await second;
});

test('everything counts as changed after the connection was made again', async () => {
  const { changes, tell } = opened();
  const watched = changes.watch('a');
  tell();
  expect(await isResolved(watched.next(60_000))).toBe(true);
  watched.close();
});

test('ends the wait after its time and when the signal aborts', async () => {
  const { changes } = opened();
  const watched = changes.watch('a');
  await watched.next(1);
  const stop = new AbortController();
  const waiting = watched.next(60_000, stop.signal);
  stop.abort();
  expect(await isResolved(waiting)).toBe(true);
  expect(await isResolved(watched.next(60_000, stop.signal))).toBe(true);
  watched.close();
});

test('a closed watcher hears nothing', () => {
  const { changes, tell } = opened();
  const watched = changes.watch('a');
  watched.close();
  expect(() => tell('a')).not.toThrow();
});
