import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { listen } from '#kit/db/listen.ts';
import { silentLog } from '#kit/log/log.ts';
import { createRecord } from './record.ts';
import { channelsOf, consumerTables, producerTables, tableOf } from './tables.ts';
import { deleted, type EventDatabase, openEventDatabase, record } from './testing/rig.ts';

let events: EventDatabase;
beforeAll(async () => {
  events = await openEventDatabase();
});
afterAll(() => events.close());

test('an event is a row with a UUIDv7, its type, subject and payload, and no position yet', async () => {
  const subject = randomUUID();
  const deletedAt = timestampFromDate(new Date('2026-11-26T00:00:00.123Z'));
  const [id] = await record(events.db, { type: UserDeletedSchema, subject, message: { userId: subject, deletedAt } });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const [row] = await events.rows<{ data: Buffer }>('SELECT * FROM auth.events WHERE id = $1', [id]);
  expect(row).toMatchObject({ type: 'user.deleted', subject, position: null });
  expect(fromBinary(UserDeletedSchema, row!.data)).toMatchObject({ userId: subject, deletedAt });
});

test('more events than a statement has parameters for are recorded in their order', async () => {
  const subject = randomUUID();
  const all = Array.from({ length: 16_500 }, () => ({ ...deleted(), subject }));
  const ids = await events.db.$transaction((tx) => record(tx, ...all));
  const rows = await events.rows<{ id: string }>('SELECT id FROM auth.events WHERE subject = $1 ORDER BY n', [subject]);
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

test('the commit notifies the sequencer, and a transaction that is rolled back does not', async () => {
  let heard = 0;
  const listening = listen({
    url: events.fresh.url,
    applicationName: 'events-test',
    heard: { [channelsOf('auth').recorded]: () => heard++ },
    log: silentLog,
  });
  await expect.poll(() => heard, { message: 'it looks when it has connected' }).toBe(1);
  const undone = events.db.$transaction(async (tx) => {
    await record(tx, deleted());
    throw new Error('undo');
  });
  await expect(undone).rejects.toThrow('undo');
  await events.db.$transaction(async (tx) => {
    await record(tx, deleted());
    await setTimeout(50);
    expect(heard, 'before the commit').toBe(1);
    await record(tx, deleted());
  });
  await expect.poll(() => heard).toBe(2);
  await listening.close();
});

test('an event that the service does not produce, or whose payload is large, is not recorded', async () => {
  const own = createRecord('auth', [UserDeletedSchema]);
  const other = { type: UserRegisteredSchema, subject: 'x', message: {} };
  await expect(own(events.db, other as never)).rejects.toThrow('is not among the events that auth produces');
  await expect(own(events.db, deleted('x'.repeat(17_000)))).rejects.toThrow('more than 16384');
});

test.each(['', 'A', 'a b', 'a"b', '1a', 'a'.repeat(41)])('%j is not the schema of an event log', (schema) => {
  for (const make of [() => tableOf(schema, 'events'), () => channelsOf(schema)]) expect(make).toThrow('not the name');
  for (const make of [producerTables, consumerTables]) expect(() => make(schema)).toThrow('not the name');
});
