import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Follower } from './follow.ts';
import { adoptRestored } from './restored.ts';
import { followEffects, names } from './testing/follow-effects.ts';
import { type EventDatabase, openEventDatabase, openProducer, type Producer } from './testing/rig.ts';

let events: EventDatabase;
let producer: Producer;
let follower: Follower | undefined;
beforeEach(async () => {
  events = await openEventDatabase();
  producer = await openProducer(events);
});
afterEach(async () => {
  await follower?.close();
  await producer.close();
  await events.close();
});

const adoptIn = (consumer: string, at: Date) =>
  adoptRestored({ consumer: events.db, source: events.db }, consumer, 'auth', at);
const expectSoon = (what: () => unknown) => expect.poll(what, { interval: 10 });
const now = async () => (await events.rows<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]!.now;

/** A consumer that has applied some events. */
async function applied(count: number): Promise<void> {
  follower = followEffects(events.db, await producer.as('user'), {});
  for (const name of names(count)) await events.tell(name);
  await expectSoon(events.effects).toEqual(names(count));
}

/** Sets the log back to its first two events. Returns the time of the restored state. */
async function restored(): Promise<Date> {
  const at = await now();
  await events.rows('DELETE FROM auth.events WHERE position > 2');
  await events.rows('UPDATE auth.event_head SET position = 2');
  return at;
}

test('a consumer that has applied lost events goes on behind the last common one, also with new events in their places', async () => {
  await applied(4);
  const at = await restored();
  for (const name of ['other 2', 'other 3', 'other 4']) await events.tell(name);
  await expectSoon(() => follower?.isReady()).toBe(false);
  expect(await adoptIn('user', at)).toEqual({ from: 4n, to: 2n });
  await expectSoon(events.effects).toEqual([...names(4), 'other 2', 'other 3', 'other 4']);
  await expectSoon(() => follower?.isReady()).toBe(true);
});

test('an event that had no position yet in the restored state is not applied a second time', async () => {
  await applied(4);
  await producer.close();
  const at = await restored();
  await events.rows(`
    INSERT INTO auth.events (id, type, subject, data, at)
    SELECT gen_random_uuid(), type, 'event 2', data, at FROM auth.events WHERE position = 2`);
  expect(await adoptIn('user', at)).toEqual({ from: 4n, to: 3n });
  producer = await openProducer(events);
  await follower?.close();
  follower = followEffects(events.db, await producer.as('user'), {});
  await events.tell('other 3');
  await expectSoon(events.effects).toEqual([...names(4), 'other 3']);
});

test('where the oldest kept event is newer than the restored state, it is the next one', async () => {
  await applied(4);
  await restored();
  await events.tell('other 2');
  await expectSoon(() => events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '3' }]);
  await events.rows('DELETE FROM auth.events WHERE position < 3');
  expect(await adoptIn('user', new Date(0))).toEqual({ from: 4n, to: 2n });
});

test('where the history was changed by hand, a consumer that is behind skips nothing', async () => {
  await applied(2);
  await follower?.close();
  await events.tell('next');
  await expectSoon(() => events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '3' }]);
  await events.rows('UPDATE auth.event_head SET history = gen_random_uuid()');
  expect(await adoptIn('user', await now())).toEqual({ from: 2n, to: 2n });
  follower = followEffects(events.db, await producer.as('user'), {});
  await expectSoon(events.effects).toEqual([...names(2), 'next']);
});

test('a cursor at which the log goes on stays, and so does one behind which events were deleted', async () => {
  await applied(3);
  const before = await events.cursor();
  expect(await adoptIn('user', await now())).toBeUndefined();
  await follower?.close();
  await events.tell('next');
  await events.tell('last');
  await expectSoon(() => events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '5' }]);
  await events.rows('DELETE FROM auth.events WHERE position < 5');
  expect(await adoptIn('user', await now())).toBeUndefined();
  expect(await events.cursor()).toEqual(before);
});

test('a consumer that never followed the producer, or that has no tables, is left alone', async () => {
  expect(await adoptIn('user', await now())).toBeUndefined();
  expect(await adoptIn('cart', await now())).toBeUndefined();
  expect(await events.cursor()).toBeUndefined();
});
