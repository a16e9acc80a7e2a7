import { createRouterTransport, type Transport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import type { Bus } from '../nats/bus.ts';
import { createMetrics } from '#kit/telemetry/metrics.ts';
import { adopt } from '../cursor.ts';
import type { Follower } from '../follow.ts';
import { followEffects, keptLog, names, writeEffects } from './follow-effects.ts';
import { deleted, type EventDatabase, openEventDatabase, openProducer, type Producer, record } from './rig.ts';

/** Where consumers read events, other than from the producer. */
export interface EventSource {
  readonly bus: Bus;
  close(): Promise<void>;
}

const expectSoon = (what: () => unknown) => expect.poll(what, { interval: 10 });

/** What holds of a consumer, from any source of events. */
export function followSuite(open?: () => Promise<EventSource>): void {
  let events: EventDatabase;
  let producer: Producer;
  let transport: Transport;
  let followers: Follower[];
  let source: EventSource | undefined;
  beforeEach(async () => {
    events = await openEventDatabase();
    source = await open?.();
    producer = await openProducer(events, { bus: source?.bus });
    transport = await producer.as('user');
    followers = [];
  });
  afterEach(async () => {
    await Promise.all(followers.map((one) => one.close()));
    await producer.close();
    await source?.close();
    await events.close();
  });

  function start(options: Parameters<typeof followEffects>[2] = {}, to: Transport = transport): Follower {
    const follower = followEffects(events.db, to, options);
    followers.push(follower);
    return follower;
  }

  test('each event takes effect once, in order, whether it was recorded before or after the start', async () => {
    for (const name of names(5)) await events.tell(name);
    const follower = start();
    for (const name of names(5, 5)) await events.tell(name);
    await expectSoon(events.effects).toEqual(names(10));
    const [last] = await events.rows<{ id: string }>('SELECT id FROM auth.events WHERE position = 10');
    const [head] = await events.rows<{ history: string }>('SELECT history FROM auth.event_head');
    expect(await events.cursor()).toEqual({ position: '10', history: head?.history, last_id: last?.id });
    await follower.close();
    await events.tell('event 10');
    start();
    await expectSoon(events.effects).toEqual(names(11));
  });

  test('an effect that is rolled back leaves the cursor where it was, and is written again', async () => {
    const before: unknown[] = [];
    let fails = 3;
    await events.tell('once');
    start({
      async apply(page, tx) {
        await writeEffects(page, tx);
        if (fails-- > 0) {
          before.push((await events.cursor())?.position);
          throw new Error('after the effect');
        }
      },
    });
    await expectSoon(events.effects).toEqual(['once']);
    expect(before).toEqual(['0', '0', '0']);
  });

  test('an event that cannot be applied is tried again; those before it take effect, and none behind it', async () => {
    const { lines, log } = keptLog();
    const seen: string[] = [];
    let isBroken = true;
    const ids = await events.db.$transaction(async (tx) => {
      const all: string[] = [];
      for (const name of names(5)) all.push(...(await record(tx, deleted(name))));
      return all;
    });
    const follower = start({
      log,
      async apply(page, tx) {
        seen.push(...page.map(({ subject }) => subject));
        if (isBroken && page.some(({ subject }) => subject === 'event 2')) throw new Error('broken');
        await writeEffects(page, tx);
      },
    });
    await expectSoon(() => seen.filter((subject) => subject === 'event 2').length).toBeGreaterThan(5);
    expect(await events.effects()).toEqual(names(2));
    expect([(await events.cursor())?.position, seen.includes('event 3') && seen.indexOf('event 3') < 4]).toEqual([
      '2',
      true,
    ]);
    expect(follower.isReady()).toBe(true);
    isBroken = false;
    await expectSoon(events.effects).toEqual(names(5));
    await expectSoon(() => lines.length).toBe(2);
    expect(lines).toMatchObject([
      { level: 40, msg: 'an event cannot be applied; it is tried again', source: 'auth', event: ids[2], position: '3' },
      { level: 30, msg: 'events are applied again' },
    ]);
  });

  test('two replicas of a consumer, and two of the producer: each event takes effect once, in order', async () => {
    const other = await openProducer(events, { bus: source?.bus });
    const replicas = [transport, await other.as('user'), transport].map((to) => start({}, to));
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      for (let count = 0; count < 10; count++) {
        await events.tell(`${writer}:${count}`);
        if (count % 3 === 0) await setTimeout(5);
      }
    });
    await Promise.all(writers);
    await expectSoon(async () => (await events.effects()).length).toBe(200);
    const rows = await events.rows<{ at: string }>('SELECT at FROM "user".effects ORDER BY place');
    expect(rows.map(({ at }) => Number(at))).toEqual(Array.from({ length: 200 }, (_, place) => place + 1));
    await expectSoon(() => replicas.map((one) => one.lag().events)).toEqual([0, 0, 0]);
    await Promise.all(replicas.map((one) => one.close()));
    await other.close();
  });

  test('while another replica applies a page, one waits, and neither applies it twice', async () => {
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let applied = 0;
    start({
      async apply(page, tx) {
        begun.resolve();
        await go.promise;
        await writeEffects(page, tx);
        applied += page.length;
      },
    });
    await events.tell('one');
    await begun.promise;
    const { lines, log } = keptLog();
    start({ log, apply: async (page) => void (applied += page.length) });
    await setTimeout(300);
    expect(applied).toBe(0);
    go.resolve();
    await expectSoon(events.effects).toEqual(['one']);
    await setTimeout(200);
    expect([applied, lines]).toEqual([1, []]);
  });

  test('a consumer stays ready while its producer is away, and resumes at its cursor, with two lines in the log', async () => {
    const { lines, log } = keptLog();
    const state = { to: transport };
    const proxy: Transport = {
      unary: (...call) => state.to.unary(...call),
      stream: (...call) => state.to.stream(...call),
    };
    const follower = start({ log }, proxy);
    await events.tell('one');
    await expectSoon(events.effects).toEqual(['one']);
    await producer.close();
    await expectSoon(() => lines.length).toBe(1);
    await setTimeout(200);
    expect(follower.isReady()).toBe(true);
    await events.tell('two');
    producer = await openProducer(events, { bus: source?.bus });
    state.to = await producer.as('user');
    await expectSoon(events.effects).toEqual(['one', 'two']);
    await expectSoon(() => lines.map(({ level }) => level)).toEqual([40, 30]);
  });

  test('a stream that falls silent is given up, and another one is opened', async () => {
    let opened = 0;
    const silent = createRouterTransport(({ service }) => {
      service(EventService, {
        // oxlint-disable-next-line require-yield -- it sends nothing
        async *watch(_, { signal }) {
          opened += 1;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      });
    });
    start({ silence: 50 }, silent);
    await expectSoon(() => opened).toBeGreaterThan(2);
  });

  test('a cursor that an operator moves while events are followed is obeyed', async () => {
    const follower = start();
    for (const name of names(3)) await events.tell(name);
    await expectSoon(events.effects).toEqual(names(3));
    await adopt(events.db, 'user', 'auth', 1n);
    await expectSoon(events.effects).toEqual([...names(3), 'event 1', 'event 2']);
    await adopt(events.db, 'user', 'auth', 2n);
    await events.tell('event 3');
    await expectSoon(events.effects).toEqual([...names(3), 'event 1', 'event 2', 'event 2', 'event 3']);
    expect(follower.isReady()).toBe(true);
  });

  test('it tells how far it is behind, in events and seconds', async () => {
    const metrics = createMetrics();
    const gate = Promise.withResolvers<void>();
    const follower = start({
      metrics: metrics.of('user'),
      async apply(page, tx) {
        await gate.promise;
        await writeEffects(page, tx);
      },
    });
    await events.db.$transaction(async (tx) => {
      for (const name of names(3)) await record(tx, deleted(name));
    });
    await expectSoon(() => follower.lag().events).toBe(3);
    await setTimeout(100);
    expect(follower.lag().seconds).toBeGreaterThan(0.1);
    expect(await metrics.text()).toContain('signet_events_lag{service="user",source="auth"} 3');
    gate.resolve();
    await expectSoon(() => follower.lag().events).toBe(0);
    await expectSoon(() => follower.lag().seconds).toBeLessThan(0.1);
    expect(await metrics.text()).toMatch(/signet_events_lag_seconds\{service="user",source="auth"\} [\d.e-]+/);
  });

  test('close waits for the transaction under way, and begins no other', async () => {
    const begun = Promise.withResolvers<void>();
    const follower = start({
      async apply(page, tx) {
        begun.resolve();
        await setTimeout(100);
        await writeEffects(page, tx);
      },
    });
    await events.tell('one');
    await begun.promise;
    await follower.close();
    expect([await events.effects(), (await events.cursor())?.position]).toEqual([['one'], '1']);
    await events.tell('two');
    await setTimeout(100);
    expect(await events.effects()).toEqual(['one']);
  });

  test('a consumer whose name is not that of a schema does not start', () => {
    expect(() => start({ consumer: `u"; --${randomUUID()}` })).toThrow('is not the name of a schema');
  });
}
