import { fromBinary } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventService, type WatchResponse } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { SecretKeptSchema } from '#gen/proto/signet/test/v1/events_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { metadataOf, infoOf } from '#kit/errors/error-info.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Sql } from '#kit/store/sql.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { serveGrpc } from '#kit/transport/grpc-server.ts';
import { createLogReader } from './log-page.ts';
import { watched } from '#kit/testing/watched.ts';
import { prune } from './prune.ts';
import { createSequencer, eventSequence } from './sequencer.ts';
import { serveEvents } from './serve.ts';
import {
  type Asked,
  type EventDatabase,
  openEventDatabase,
  openProducer,
  type Producer,
  record,
  watchUntil,
} from './testing/rig.ts';
import { writesOf } from './written.ts';
import { withCaller } from './testing/with-caller.ts';

let events: EventDatabase;
let producer: Producer;
let user: Transport;
beforeEach(async () => {
  events = await openEventDatabase();
  producer = await openProducer(events);
  user = await producer.as('user');
});
afterEach(async () => {
  await producer.close();
  await events.close();
});

const subjectsOf = (messages: readonly WatchResponse[]) =>
  messages.flatMap((message) => message.events.map(({ subject }) => subject));
/** What a watcher is sent until it has everything. */
const all = (asked: Asked = {}, transport = user) => watchUntil(transport, asked, ({ current }) => current);
const refusal = (asked: Asked, transport = user) =>
  all(asked, transport).then(
    () => undefined,
    (error: unknown) => error,
  );
const numbered = (count: number) =>
  expect
    .poll(async () => (await events.rows<{ position: string }>('SELECT position FROM auth.event_head'))[0]?.position)
    .toBe(String(count));

/** Records events by one statement, each with so many bytes of data. */
async function tellMany(count: number, bytes = 0): Promise<void> {
  await events.rows(
    `INSERT INTO auth.events (id, type, subject, data)
     SELECT gen_random_uuid(), 'user.deleted', g::text, decode(repeat('00', $2), 'hex') FROM generate_series(1, $1::int) g`,
    [count, bytes],
  );
  writesOf('auth').announce();
  await numbered(count);
}

test('a watcher resumes behind any position: each event once, in order', async () => {
  for (const subject of ['a', 'b', 'c', 'd']) await events.tell(subject);
  await numbered(4);
  const [first] = await all();
  expect(first).toMatchObject({ position: 4n, head: 4n, current: true });
  expect(first?.events.map(({ position, subject, type }) => [position, subject, type])).toEqual(
    ['a', 'b', 'c', 'd'].map((subject, place) => [BigInt(place + 1), subject, 'user.deleted']),
  );
  const sent = first?.events ?? [];
  expect(first?.lastId).toBe(sent.at(-1)?.id);
  for (const [place, { id, position }] of sent.entries()) {
    const asked = { history: first?.history ?? '', after: position, lastId: id };
    expect(subjectsOf(await all(asked))).toEqual(['a', 'b', 'c', 'd'].slice(place + 1));
  }
});

test('an event is sent as it is recorded, and its payload is the message', async () => {
  const subject = randomUUID();
  const watching = watchUntil(user, {}, ({ events: sent }) => sent.length > 0);
  const id = await events.tell(subject);
  const message = (await watching).at(-1);
  expect(message?.events).toMatchObject([{ id, position: 1n, subject, type: 'user.deleted' }]);
  expect(fromBinary(UserDeletedSchema, message?.events[0]?.data ?? new Uint8Array()).userId).toBe(subject);
});

test('a page has at most 500 events, and the last one alone is current', async () => {
  await tellMany(1_203);
  const pages = await all();
  expect(pages.map(({ events: sent, current }) => [sent.length, current])).toEqual([
    [500, false],
    [500, false],
    [203, true],
  ]);
  expect(subjectsOf(pages)).toEqual(Array.from({ length: 1_203 }, (_, place) => `${place + 1}`));
});

test('an idle stream has a heartbeat a second', async () => {
  const began = performance.now();
  const beats = await watchUntil(user, {}, (_, { length }) => length === 3);
  expect(performance.now() - began).toBeGreaterThan(1_900);
  expect(beats.map(({ current, position, lastId, events: sent }) => [current, position, lastId, sent])).toEqual(
    Array.from({ length: 3 }, () => [true, 0n, '', []]),
  );
});

test('streams without news share one look at the head of the log a second', async () => {
  await events.tell();
  await numbered(1);
  const reads = { pages: 0, heads: 0 };
  const statements = watched(events.db, ({ text }) => {
    if (text.includes('LATERAL')) reads.pages += 1;
    else if (text.includes('AS "lastId"')) reads.heads += 1;
  });
  const other = await openProducer(events, { statements });
  const transport = await other.as('user');
  const began = performance.now();
  const streams = Array.from({ length: 6 }, () => watchUntil(transport, {}, (_, { length }) => length === 4));
  const beats = (await Promise.all(streams)).flatMap((messages) => messages.slice(1));
  expect(beats.map(({ current, position }) => [current, position])).toEqual(Array.from(beats, () => [true, 1n]));
  // A page for each stream, and another one if the notifications began after that.
  expect(reads.pages).toBeLessThanOrEqual(12);
  expect(reads.heads).toBeLessThanOrEqual(Math.ceil((performance.now() - began) / 1_000) + 1);
  await other.close();
});

test('a stream without news sends an event whose notification was lost', async () => {
  const lost = watchUntil(user, {}, (message) => message.events.length > 0);
  await events.rows(`
    WITH lost AS (
      INSERT INTO auth.events (id, type, subject, data, position)
      VALUES (gen_random_uuid(), 'user.deleted', 'lost', '', 1) RETURNING position
    ) UPDATE auth.event_head SET position = lost.position FROM lost`);
  expect(subjectsOf(await lost)).toEqual(['lost']);
});

test('events of other types are passed over: the position moves with the next heartbeat', async () => {
  await events.tell('wanted');
  for (let count = 0; count < 3; count++) {
    await record(events.db, { type: SecretKeptSchema, subject: 'other', message: {} });
  }
  await numbered(4);
  const [message] = await all();
  expect(message).toMatchObject({ position: 4n, current: true });
  expect(subjectsOf([message!])).toEqual(['wanted']);
});

test.each([
  ['whose listeners do not name the caller', ['secret.kept']],
  ['beside one that it may take', ['user.deleted', 'secret.kept']],
  ['that the producer does not have', ['order.placed']],
])('a type %s is refused', async (_, types) => {
  expect(reasonOf(await refusal({ types }))).toBe('CALLER_NOT_ALLOWED');
});

test('a service that the rule does not name is refused, and so is a caller without a token', async () => {
  expect(reasonOf(await refusal({}, await producer.as('edge')))).toBe('CALLER_NOT_ALLOWED');
});

test.each<[string, Asked]>([
  ['no types', { types: [] }],
  ['a type twice', { types: ['user.deleted', 'user.deleted'] }],
  ['a type of another form', { types: ['UserDeleted'] }],
  ['a negative position', { after: -1n }],
  ['a history that is no UUID', { history: 'h' }],
])('a request with %s is not valid', async (_, asked) => {
  expect(reasonOf(await refusal(asked))).toBe('INVALID_ARGUMENT');
});

test.each<[string, (at: Required<Asked>) => Asked]>([
  ['of another history', (at) => ({ ...at, history: randomUUID() })],
  ['with another event in its place', (at) => ({ ...at, lastId: randomUUID() })],
  ['past the head', (at) => ({ ...at, after: 3n })],
  ['past the head, of an unknown history', () => ({ after: 3n })],
])('a position %s is refused', async (_, change) => {
  for (const subject of ['a', 'b']) await events.tell(subject);
  await numbered(2);
  const [message] = await all();
  const at = { history: message!.history, after: 2n, lastId: message!.lastId, types: ['user.deleted'] };
  expect(await all(at)).toMatchObject([{ position: 2n, events: [] }]);
  const error = await refusal(change(at));
  expect([reasonOf(error), metadataOf(infoOf(error))]).toEqual(['EVENT_HISTORY', { head: '2' }]);
});

test('a position without a history is taken as it is, and answered with the history', async () => {
  for (const subject of ['a', 'b', 'c']) await events.tell(subject);
  await numbered(3);
  const [message] = await all({ after: 2n });
  expect(subjectsOf([message!])).toEqual(['c']);
  expect(message?.history).toMatch(/^[0-9a-f-]{36}$/);
});

test('an open stream ends where the table turns out to be an older one', async () => {
  for (const subject of ['a', 'b']) await events.tell(subject);
  await numbered(2);
  const begun = Promise.withResolvers<void>();
  const watching = watchUntil(user, {}, () => {
    begun.resolve();
    return false;
  }).catch(reasonOf);
  await begun.promise;
  await events.rows('DELETE FROM auth.events WHERE position = 2');
  await events.rows('UPDATE auth.event_head SET position = 1');
  expect(await watching).toBe('EVENT_HISTORY');
});

test('a consumer that has not had what retention deleted is refused, and no other is', async () => {
  await tellMany(5);
  const [everything] = await all();
  await events.rows(`UPDATE auth.events SET at = now() - interval '90 days' WHERE position <= 3`);
  expect(await prune(events.db, 'auth', 86_400_000)).toBe(3);
  const { history } = everything!;
  for (const asked of [{}, { history, after: 1n }, { history, after: 2n, lastId: everything!.events[1]!.id }]) {
    const error = await refusal(asked);
    expect([reasonOf(error), metadataOf(infoOf(error))]).toEqual(['EVENTS_GONE', { head: '5', oldest: '4' }]);
  }
  const rest = await all({ history, after: 3n, lastId: everything!.events[2]!.id });
  expect(subjectsOf(rest)).toEqual(['4', '5']);
});

test('a producer that closes ends its streams as unavailable', async () => {
  const watching = watchUntil(user, {}, () => false).catch(reasonOf);
  await setTimeout(50);
  await producer.close();
  expect(await watching).toBe('SERVICE_UNAVAILABLE');
});

test('a watcher that does not read keeps the server from reading on', async () => {
  await tellMany(10_000, 4_000);
  let reads = 0;
  const statements = watched(events.db, ({ text }) => {
    if (text.includes('LATERAL')) reads += 1;
  });
  const other = await openProducer(events, { statements });
  const server = await serveGrpc(other.app, { port: 0, host: '127.0.0.1' });
  const channel = createGrpcTransport(`127.0.0.1:${server.port}`, [EventService]);
  const messages = createClient(EventService, withCaller(channel, await other.token('user'))).watch({
    types: ['user.deleted'],
  });
  let count = 0;
  let readAhead = 0;
  for await (const { current, events: sent } of messages) {
    if (count === 0) {
      await setTimeout(1_000);
      readAhead = reads;
    }
    count += sent.length;
    if (current) break;
  }
  // grpc-js buffers 16 messages at either end.
  expect(readAhead).toBeLessThan(45);
  expect([count, reads]).toEqual([10_000, Math.ceil(10_000 / 132)]);
  channel.close();
  await Promise.all([server.close(0), other.close()]);
});

test('at ten thousand events no statement scans the table', async () => {
  await tellMany(10_000);
  await events.tell();
  await events.rows('ANALYZE auth.events');
  const seen: Sql[] = [];
  const db = watched(events.db, (statement) => seen.push(statement));
  const [last] = await events.rows<{ id: string }>('SELECT id FROM auth.events WHERE position = 5000');
  const from = { history: '', position: 5_000n, lastId: last?.id ?? '' };
  expect((await createLogReader(db, 'auth')(from, ['user.deleted'])).events).toHaveLength(500);
  await createSequencer(db, eventSequence('auth'))();
  await prune(db, 'auth', 86_400_000);
  // Of the last one, the lock is a statement too.
  expect(seen).toHaveLength(4);
  for (const { text, values } of seen) {
    const own = await events.rows(`EXPLAIN ${text}`, values);
    const generic = await events.rows(`EXPLAIN (GENERIC_PLAN) ${text}`);
    expect(JSON.stringify([own, generic])).not.toMatch(/Seq Scan on events/);
  }
});

test('watchers who have everything share the read of the next event', async () => {
  const seen: Sql[] = [];
  const replica = await openProducer(events, { statements: watched(events.db, (statement) => seen.push(statement)) });
  try {
    const transport = await replica.as('user');
    let current = 0;
    const watching = Array.from({ length: 20 }, () => {
      let isKnown = false;
      return watchUntil(transport, {}, (message) => {
        if (message.current && !isKnown) current += 1;
        isKnown ||= message.current;
        return message.events.length > 0;
      });
    });
    await expect.poll(() => current).toBe(20);
    seen.length = 0;
    const subject = randomUUID();
    await events.tell(subject);
    for (const messages of await Promise.all(watching)) expect(subjectsOf(messages)).toEqual([subject]);
    // Of the 20: one for the news of the number, and some where a heartbeat or the notification came meanwhile.
    expect(seen.filter(({ text }) => text.includes('LATERAL')).length).toBeLessThan(10);
  } finally {
    await replica.close();
  }
});

test('a producer with two messages of one type does not start', () => {
  const options = { db: events.db, schema: 'auth', keep: 1 };
  expect(() => serveEvents({ ...options, produces: [UserDeletedSchema, { ...UserDeletedSchema }] })).toThrow(
    'one type',
  );
  expect(() => serveEvents({ ...options, schema: 'a"b', produces: [] })).toThrow('is not the name of a schema');
});
