import { expect, test } from 'vitest';
import { createBell } from './bell.ts';

const never = new AbortController().signal;

test('a ring wakes all who wait, and no one who waits later', async () => {
  const bell = createBell();
  const woken: string[] = [];
  const first = ['a', 'b'].map(async (name) => {
    await bell.wait(60_000, never);
    woken.push(name);
  });
  bell.ring();
  await Promise.all(first);
  const later = bell.wait(20, never).then(() => woken.push('c'));
  expect(woken).toEqual(['a', 'b']);
  await later;
});

test('a wait ends after its time, and at once when its signal aborts or has aborted', async () => {
  const bell = createBell();
  const began = performance.now();
  await bell.wait(1, never);
  const leaving = new AbortController();
  const waiting = bell.wait(60_000, leaving.signal);
  leaving.abort();
  await waiting;
  await bell.wait(60_000, leaving.signal);
  expect(performance.now() - began).toBeLessThan(30_000);
});
