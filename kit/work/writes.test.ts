import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createWrites } from './writes.ts';

function counted() {
  const times: number[] = [];
  return { times, wake: () => void times.push(performance.now()) };
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, place) => time - (times[place] ?? 0));

test('wakes work soon after an announcement, eight more times for slow commits, and then no more', async () => {
  const writes = createWrites();
  const work = counted();
  writes.wakes(work);
  writes.announce();
  await expect.poll(() => work.times.length).toBe(9);
  await setTimeout(500);
  expect(work.times).toHaveLength(9);
  // A timer may be late, and is never early by more than a millisecond.
  for (const [place, gap] of gaps(work.times).entries()) expect(gap).toBeGreaterThan(place === 0 ? 24 : 49);
});

test('many announcements wake the work as often as one', async () => {
  const writes = createWrites();
  const [one, other] = [counted(), counted()];
  writes.wakes(one);
  writes.wakes(other);
  for (let count = 0; count < 1_000; count++) writes.announce();
  expect(one.times).toEqual([]);
  await expect.poll(() => one.times.length).toBe(9);
  expect(other.times).toHaveLength(9);
});

test('an announcement in a long pause wakes the work at once, and the pauses are short again', async () => {
  const writes = createWrites();
  const work = counted();
  writes.wakes(work);
  writes.announce();
  await expect.poll(() => work.times.length, { interval: 1 }).toBe(4);
  writes.announce();
  await expect.poll(() => work.times.length).toBe(13);
});

test('continuous announcements wake the work no more often than every 25 ms', async () => {
  const writes = createWrites();
  const work = counted();
  writes.wakes(work);
  while (work.times.length < 8) {
    writes.announce();
    await setTimeout(1);
  }
  for (const gap of gaps(work.times)) expect(gap).toBeGreaterThan(24);
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
