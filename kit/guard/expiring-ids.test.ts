import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createExpiringIds } from './expiring-ids.ts';

/** The same by a Map, as slow and simple as it can be. */
function createModel() {
  const map = new Map<string, number>();
  return {
    map,
    put(id: string, expiresAt: number) {
      map.delete(id);
      map.set(id, expiresAt);
    },
    removeOldest() {
      map.delete(map.keys().next().value ?? '');
    },
  };
}

/** Repeatable random numbers from 0 to 1 (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.each([1, 2, 3, 4])('holds what a Map holds after 20,000 random changes (seed %i)', (seed) => {
  const random = createRandom(seed);
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  // The last digits of some are equal, which a hash of these alone would send to one slot.
  const pool = Array.from({ length: 600 }, (_, index) =>
    index % 3 === 0 ? `${hex(8)}-0000-7000-8000-000000000000` : `01900000-0000-7000-8000-${hex(12)}`,
  );
  const [ids, model] = [createExpiringIds(), createModel()];
  for (let step = 0; step < 20_000; step++) {
    const id = pool[Math.floor(random() * pool.length)] ?? '';
    if (random() < 0.7) {
      ids.put(id, step + 1);
      model.put(id, step + 1);
    } else {
      ids.removeOldest();
      model.removeOldest();
    }
    expect(ids.oldest()).toBe(model.map.values().next().value ?? Infinity);
    expect(ids.size).toBe(model.map.size);
    // One id a step, and all of them in 600 steps.
    const other = pool[step % pool.length] ?? '';
    expect(ids.has(other)).toBe(model.map.has(other));
  }
  ids.forgetExpired(19_000);
  expect(pool.filter((one) => ids.has(one))).toEqual(pool.filter((one) => (model.map.get(one) ?? 0) > 19_000));
});

test('keeps 100,000 ids while it grows, and none that was not put', () => {
  const ids = createExpiringIds();
  const all = Array.from({ length: 100_000 }, () => randomUUID());
  for (const id of all) ids.put(id, 10);
  expect([ids.size, all.every((id) => ids.has(id))]).toEqual([100_000, true]);
  expect(Array.from({ length: 1_000 }, () => ids.has(randomUUID())).includes(true)).toBe(false);
  ids.forgetExpired(10);
  expect(ids.size, 'a call removes only so many').toBe(80_000);
  for (let call = 0; call < 4; call++) ids.forgetExpired(10);
  expect([ids.size, ids.oldest(), all.some((id) => ids.has(id))]).toEqual([0, Infinity, false]);
});

const uuid = '0193e9a0-7c1b-7abc-8def-0123456789ab';

test.each([
  ['in upper case', uuid.toUpperCase()],
  ['without a dash', `${uuid.slice(0, 8)}0${uuid.slice(9)}`],
  ['with a letter behind f', `${uuid.slice(0, -1)}g`],
  ['with a character outside ASCII', `${uuid.slice(0, -1)}é`],
  ['shorter', uuid.slice(0, -1)],
  ['longer', `${uuid}0`],
  ['empty', ''],
  ['another text', 'session 1'],
])('an id that is no UUID in lower case is itself and no other: %s', (_, id) => {
  const ids = createExpiringIds();
  ids.put(uuid, 5);
  expect(ids.has(id)).toBe(false);
  ids.put(id, 4);
  expect([ids.has(id), ids.has(uuid), ids.size, ids.oldest()]).toEqual([true, true, 2, 4]);
  ids.removeOldest();
  expect([ids.has(id), ids.has(uuid)]).toEqual([false, true]);
});

test('an id that is put again is the newest, with its new time', () => {
  const ids = createExpiringIds();
  const other = randomUUID();
  for (const [id, expiresAt] of [
    [uuid, 5],
    [other, 6],
    [uuid, 7],
  ] as const)
    ids.put(id, expiresAt);
  ids.forgetExpired(6);
  expect([ids.has(uuid), ids.has(other), ids.oldest()]).toEqual([true, false, 7]);
});

test('an id without a time is kept until the next removal of expired ones', () => {
  const ids = createExpiringIds();
  ids.put(uuid, 0);
  expect([ids.has(uuid), ids.size]).toEqual([true, 1]);
  ids.forgetExpired(1);
  expect([ids.has(uuid), ids.size]).toEqual([false, 0]);
});
