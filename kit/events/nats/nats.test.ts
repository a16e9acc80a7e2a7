import type { Transport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { natsProgram, startNats, type TestNats } from '#kit/testing/nats.ts';
import type { Follower } from '../follow.ts';
import { followEffects, keptLog, names } from '../testing/follow-effects.ts';
import { type EventDatabase, openEventDatabase, openProducer, type Producer } from '../testing/rig.ts';
import { type Bus, openBus } from './bus.ts';
import { streamOf } from './names.ts';
import { overBus } from './source.ts';

describeWith([natsProgram], 'the events of a producer in JetStream', () => {
  let nats: TestNats;
  let bus: Bus;
  let events: EventDatabase;
  const opened: (Producer | Follower)[] = [];
  beforeEach(async () => {
    nats = await startNats();
    bus = openBus(nats.url, silentLog);
    events = await openEventDatabase();
  });
  afterEach(async () => {
    for (const one of opened.splice(0).toReversed()) await one.close();
    await bus.close();
    await nats.close();
    await events.close();
  });

  const soon = { timeout: 60_000, interval: 20 };

  async function produce(): Promise<Producer> {
    const producer = await openProducer(events, { bus });
    opened.push(producer);
    return producer;
  }

  function consume(transport: Transport, log = silentLog): Follower {
    const follower = followEffects(events.db, overBus(transport, bus, 'auth'), { log });
    opened.push(follower);
    return follower;
  }

  /** A producer that answers no consumer, so that all events come from the stream. */
  function unreachable(): Transport {
    const away = async () => {
      throw failure('SERVICE_UNAVAILABLE');
    };
    return { unary: away, stream: away };
  }

  /** The producer's transport, and how often it was asked for its own stream. */
  async function counted(producer: Producer) {
    const direct = await producer.as('user');
    const asked = { count: 0 };
    const transport: Transport = {
      unary: direct.unary,
      stream: (...call) => {
        asked.count += 1;
        return direct.stream(...call);
      },
    };
    return { transport, asked };
  }

  /** The ids of the events in the stream, in their order. */
  async function stored(): Promise<string[]> {
    const consumer = await bus.js().consumers.get(streamOf('auth'));
    const { num_pending: pending } = await consumer.info();
    const ids: string[] = [];
    if (pending === 0) return ids;
    for await (const message of await consumer.fetch({ max_messages: pending, expires: 5_000 })) {
      ids.push(message.headers?.get('Nats-Msg-Id') ?? '');
    }
    return ids;
  }

  const numbered = async () =>
    (await events.rows<{ id: string }>('SELECT id FROM auth.events WHERE position IS NOT NULL ORDER BY position')).map(
      ({ id }) => id,
    );

  test('reach a consumer that cannot reach the producer', async () => {
    for (const name of names(3)) await events.tell(name);
    await produce();
    consume(unreachable());
    await expect.poll(events.effects, soon).toEqual(names(3));
    await Promise.all(names(700, 3).map((name) => events.tell(name)));
    await expect.poll(async () => (await events.effects()).length, soon).toBe(703);
    const rows = await events.rows<{ at: string }>('SELECT at FROM "user".effects ORDER BY place');
    expect(rows.map(({ at }) => Number(at))).toEqual(Array.from({ length: 703 }, (_, place) => place + 1));
  });

  test('are stored once and in order by three replicas that publish them at once', async () => {
    await Promise.all([produce(), produce(), produce()]);
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        for (const name of names(10)) await events.tell(`${n} ${name}`);
      }),
    );
    await expect.poll(stored, soon).toHaveLength(200);
    expect(await stored()).toEqual(await numbered());
  });

  test('begin at the oldest that is kept, and a consumer in the middle continues there', async () => {
    const first = await openProducer(events);
    for (const name of names(10)) await events.tell(name);
    const follower = followEffects(events.db, await first.as('user'));
    await expect.poll(events.effects, soon).toEqual(names(10));
    await follower.close();
    await events.rows('DELETE FROM auth.events WHERE position < 8');
    await first.close();
    await produce();
    for (const name of names(5, 10)) await events.tell(name);
    consume(unreachable());
    await expect.poll(events.effects, soon).toEqual(names(15));
    await expect.poll(stored, { ...soon }).toHaveLength(8);
  });

  test('come from the producer while NATS is away, and from NATS when it is back', async () => {
    const producer = await produce();
    const { transport, asked } = await counted(producer);
    await events.tell('event 0');
    consume(transport);
    await expect.poll(events.effects, soon).toEqual(names(1));
    await nats.kill();
    await events.tell('event 1');
    await expect.poll(events.effects, soon).toEqual(names(2));
    expect(asked.count).toBeGreaterThan(0);
    await nats.start();
    await events.tell('event 2');
    await expect.poll(events.effects, soon).toEqual(names(3));
    await expect.poll(stored, soon).toHaveLength(3);
    // Once it reads from NATS again, the producer is asked no more.
    let before = -1;
    await expect
      .poll(
        async () => {
          const isQuiet = asked.count === before;
          before = asked.count;
          return isQuiet;
        },
        { interval: 6_500 },
      )
      .toBe(true);
    await events.tell('event 3');
    await expect.poll(events.effects, soon).toEqual(names(4));
    expect(await stored()).toEqual(await numbered());
  });

  test('of a restored log replace the stream, and its consumers stop until their cursor is adopted', async () => {
    const producer = await openProducer(events, { bus });
    const { lines, log } = keptLog();
    const follower = consume(await producer.as('user'), log);
    for (const name of names(4)) await events.tell(name);
    await expect.poll(events.effects, soon).toEqual(names(4));
    await expect.poll(stored, soon).toHaveLength(4);
    await producer.close();
    await events.rows('DELETE FROM auth.events WHERE position > 2');
    await events.rows('UPDATE auth.event_head SET position = 2, history = gen_random_uuid()');
    const second = await produce();
    await events.tell('another 2');
    await expect.poll(stored, soon).toHaveLength(3);
    expect(await stored()).toEqual(await numbered());
    await follower.close();
    const stopped = consume(await second.as('user'), log);
    await expect.poll(() => stopped.isReady(), soon).toBe(false);
    expect(await events.effects()).toEqual(names(4));
    expect(lines.filter(({ level }) => level === 50)).toMatchObject([{ reason: 'EVENT_HISTORY' }]);
  });
});

describeWith([natsProgram], 'a NATS server with a password', () => {
  test('admits the user of NATS_URL', async () => {
    const nats = await startNats({ password: 'p@ss/w#rd' });
    const bus = openBus(nats.url, silentLog);
    await expect.poll(() => bus.nats().isClosed()).toBe(false);
    await bus.close();
    await nats.close();
  });
});
