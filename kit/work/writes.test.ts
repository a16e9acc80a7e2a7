import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createWrites } from './writes.ts';

function counted() {
  const times: number[] = [];
  return { times, wake: () => void times.push(performance.now()) };
}

test('wakes work soon after an announcement, again for slow commits, and then no more', async () => {
  const writes = createWrites();
  const work = counted();
  writes.wakes(work);
  const began = performance.now();
  writes.announce();
  await expect.poll(() => performance.now() - (work.times.at(-1) ?? began)).toBeGreaterThan(300);
  expect(work.times.length).toBeGreaterThan(2);
  const last = (work.times.at(-1) ?? 0) - began;
  expect(last).toBeGreaterThan(450);
  // On a busy machine a timer is late.
  expect(work.times.length).toBeLessThanOrEqual(1 + last / 25);
});

test('many announcements wake the work as often as one', async () => {
  const writes = createWrites();
  const [one, other] = [counted(), counted()];
  writes.wakes(one);
  writes.wakes(other);
  for (let count = 0; count < 1_000; count++) writes.announce();
  expect(one.times).toEqual([]);
  await expect.poll(() => one.times.length).toBeGreaterThan(2);
  expect(one.times.length).toBe(other.times.length);
  const [first = 0, second = 0, third = 0] = one.times;
  expect(Math.min(second - first, third - second)).toBeGreaterThanOrEqual(24);
});

test('an announcement before the work, or after it has left, wakes nothing', async () => {
  const writes = createWrites();
  const work = counted();
  writes.announce();
  const leave = writes.wakes(work);
  await setTimeout(20);
  expect(work.times).toEqual([]);
  writes.announce();
  leave();
  await setTimeout(20);
  expect(work.times).toEqual([]);
});
