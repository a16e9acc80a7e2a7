import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { watched } from '#kit/testing/watched.ts';
import { createRecord } from './record.ts';
import { channelsOf, consumerTables, producerTables, tableOf } from './tables.ts';
import { deleted, type EventDatabase, openEventDatabase, record } from './testing/rig.ts';
import { writesOf } from './written.ts';

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

test('recording announces the events to the sequencers of this process, and sends no NOTIFY in its transaction', async () => {
  let woken = 0;
  const leave = writesOf('auth').wakes({ wake: () => woken++ });
  const statements: string[] = [];
  await record(
    watched(events.db, ({ text }) => void statements.push(text)),
    deleted(),
    deleted(),
  );
  await expect.poll(() => woken).toBeGreaterThan(0);
  leave();
  // PostgreSQL commits transactions that notify one after another.
  expect(statements.join('\n')).toMatch(/^\s*INSERT INTO "auth"\."events"/);
  expect(statements.join('\n')).not.toContain('notify');
});

test('recording no events announces nothing', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let woken = 0;
  onTestFinished(writesOf('quiet').wakes({ wake: () => woken++ }));
  const recordQuietly = createRecord('quiet', [UserDeletedSchema]);
  const tx = { $executeRaw: async () => 1 };
  await recordQuietly(tx);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(woken).toBe(0);
  await recordQuietly(tx, deleted());
  await vi.advanceTimersByTimeAsync(1_000);
  expect(woken).toBeGreaterThan(0);
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
