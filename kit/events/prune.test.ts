import { afterEach, beforeEach, expect, test } from 'vitest';
import { prune } from './prune.ts';
import { createSequencer, eventSequence } from './sequencer.ts';
import { type EventDatabase, openEventDatabase } from './testing/rig.ts';

let events: EventDatabase;
beforeEach(async () => {
  events = await openEventDatabase();
});
afterEach(() => events.close());

const day = 86_400_000;

/** Numbered events, one for each age in days. */
async function tell(...ages: number[]): Promise<void> {
  await events.rows(
    `INSERT INTO auth.events (id, type, subject, data, at)
     SELECT gen_random_uuid(), 'user.deleted', '', '', now() - age * interval '1 day' FROM unnest($1::float8[]) age`,
    [ages],
  );
  const number = createSequencer(events.db, eventSequence('auth'));
  while ((await number()) > 0);
}

async function kept(): Promise<number[]> {
  const rows = await events.rows<{ position: string }>('SELECT position FROM auth.events ORDER BY position');
  return rows.map(({ position }) => Number(position));
}

test('events older than asked for are deleted, and the newest event stays', async () => {
  await tell(9, 8, 3, 1);
  expect(await prune(events.db, 'auth', 5 * day)).toBe(2);
  expect(await kept()).toEqual([3, 4]);
  expect(await prune(events.db, 'auth', 0)).toBe(1);
  expect([await kept(), await prune(events.db, 'auth', 0)]).toEqual([[4], 0]);
});

test('an event that is young enough keeps all behind it: no gap appears', async () => {
  await tell(9, 1, 9, 9, 1);
  expect(await prune(events.db, 'auth', 5 * day)).toBe(1);
  expect(await kept()).toEqual([2, 3, 4, 5]);
});

test('events without a position are not deleted, however old', async () => {
  await tell(9, 9);
  await events.tell('new');
  await events.rows(`UPDATE auth.events SET at = now() - interval '9 days'`);
  expect(await prune(events.db, 'auth', day)).toBe(1);
  expect(await events.rows('SELECT FROM auth.events WHERE position IS NULL')).toHaveLength(1);
});

test('more than a batch is deleted in several, by two replicas at once', async () => {
  await tell(...Array.from({ length: 2_500 }, () => 9), 1);
  const counts = await Promise.all([prune(events.db, 'auth', day), prune(events.db, 'auth', day)]);
  expect(counts[0] + counts[1]).toBe(2_500);
  expect(await kept()).toEqual([2_501]);
});

test('a service that closes begins no further batch', async () => {
  await tell(9, 9);
  expect(await prune(events.db, 'auth', day, AbortSignal.abort())).toBe(0);
});

test('an empty log is left as it is', async () => {
  expect(await prune(events.db, 'auth', 0)).toBe(0);
});
