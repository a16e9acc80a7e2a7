import { expect, test, vi } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { createTracking, type SentEvent, type TrackedEvent } from './tracking.ts';

const now = Date.parse('2026-11-26T12:00:00Z');
const event = (ms?: number): SentEvent => ({
  name: 'page.viewed',
  properties: {},
  occurredAt: ms === undefined ? undefined : new Date(now + ms),
});
const open = (isLiving = true) => {
  const insert = vi.fn<(userId: string, events: readonly TrackedEvent[]) => Promise<boolean>>(async () => isLiving);
  return { insert, track: createTracking({ store: { insert }, now: () => now }) };
};
const days = 86_400_000;
const minutes = 60_000;

test('takes events from 7 days ago to 5 minutes ahead', async () => {
  const { insert, track } = open();
  expect(await track('ada', [event(-7 * days), event(), event(5 * minutes)])).toBe(3);
  const [user, events] = insert.mock.calls[0]!;
  expect([user, events.map(({ at }) => at.getTime() - now)]).toEqual(['ada', [-7 * days, 0, 5 * minutes]]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(3);
});

test('refuses all events if one is older or further ahead, and names each', async () => {
  const { insert, track } = open();
  const error = await track('ada', [event(-7 * days - 1), event(0), event(5 * minutes + 1)]).catch((one) => one);
  expect([reasonOf(error), violationsOf(error).map(({ field }) => field)]).toEqual([
    'INVALID_ARGUMENT',
    ['events[0].occurred_at', 'events[2].occurred_at'],
  ]);
  expect(insert).not.toHaveBeenCalled();
});

test('accepts no events, and none of a deleted account', async () => {
  const { insert, track } = open(false);
  expect(await track('ada', [])).toBe(0);
  expect(insert).not.toHaveBeenCalled();
  expect(await track('ada', [event()])).toBeUndefined();
});
