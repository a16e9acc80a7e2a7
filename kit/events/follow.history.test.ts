import type { Transport } from '@connectrpc/connect';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adopt } from './cursor.ts';
import type { Follower } from './follow.ts';
import { prune } from './prune.ts';
import { followEffects, keptLog, names } from './testing/follow-effects.ts';
import { type EventDatabase, openEventDatabase, openProducer, type Producer } from './testing/rig.ts';

let events: EventDatabase;
let producer: Producer;
let transport: Transport;
let followers: Follower[];
beforeEach(async () => {
  events = await openEventDatabase();
  producer = await openProducer(events);
  transport = await producer.as('user');
  followers = [];
});
afterEach(async () => {
  await Promise.all(followers.map((one) => one.close()));
  await producer.close();
  await events.close();
});

function start(options: Parameters<typeof followEffects>[2] = {}, to: Transport = transport): Follower {
  const follower = followEffects(events.db, to, options);
  followers.push(follower);
  return follower;
}

const expectSoon = (what: () => unknown) => expect.poll(what, { interval: 10 });

test('a producer that was put back to an older state is noticed: the consumer stops until its cursor is adopted', async () => {
  const { lines, log } = keptLog();
  const follower = start({ log });
  for (const name of names(4)) await events.tell(name);
  await expectSoon(events.effects).toEqual(names(4));
  // A restore that lost two events, and has others in their places by now.
  await producer.close();
  await events.rows('DELETE FROM auth.events WHERE position > 2');
  await events.rows('UPDATE auth.event_head SET position = 2');
  producer = await openProducer(events);
  for (const name of ['other 2', 'other 3', 'other 4']) await events.tell(name);
  await expect.poll(() => events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '5' }]);
  await follower.close();
  const second = start({ log }, await producer.as('user'));
  await expectSoon(() => second.isReady()).toBe(false);
  await setTimeout(200);
  expect(await events.effects(), 'nothing starts over by itself').toEqual(names(4));
  const errors = lines.filter(({ level }) => level === 50);
  expect(errors).toMatchObject([{ reason: 'EVENT_HISTORY', cursor: '4', head: '5', source: 'auth' }]);
  expect(errors[0]?.msg).toContain('signet events adopt user auth --position N');
  await adopt(events.db, 'user', 'auth', 2n);
  await expectSoon(events.effects).toEqual([...names(4), 'other 2', 'other 3', 'other 4']);
  await expectSoon(() => second.isReady()).toBe(true);
  expect((await events.cursor())?.history).not.toBeNull();
});

test('a restore that changes the history is noticed at once, on an open stream', async () => {
  const follower = start();
  await events.tell('one');
  await expectSoon(events.effects).toEqual(['one']);
  await events.rows('UPDATE auth.event_head SET history = gen_random_uuid()');
  await expectSoon(() => follower.isReady()).toBe(false);
});

test('a consumer that comes back after retention deleted what it had not applied stops, and names the command', async () => {
  await events.tell('applied');
  const first = start();
  await expectSoon(events.effects).toEqual(['applied']);
  await first.close();
  for (const name of names(3)) await events.tell(name);
  await expectSoon(() => events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '4' }]);
  await events.rows(`UPDATE auth.events SET at = now() - interval '2 days'`);
  expect(await prune(events.db, 'auth', 86_400_000)).toBe(3);
  const { lines, log } = keptLog();
  const follower = start({ log });
  await expectSoon(() => follower.isReady()).toBe(false);
  expect(lines).toMatchObject([{ level: 50, reason: 'EVENTS_GONE', cursor: '1', oldest: '4' }]);
  await adopt(events.db, 'user', 'auth', 3n);
  await expectSoon(events.effects).toEqual(['applied', 'event 2']);
});
