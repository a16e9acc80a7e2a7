import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { NewAuditEvent } from '../rules/events.ts';
import { createUserStore } from '../../users/public.ts';
import { createAuditLog } from '../rules/log.ts';
import { createAuditChain } from './chain.ts';
import { insertAudit } from './events.ts';
import { createAuditStore } from './log.ts';

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
let root: Client;
beforeEach(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'chain-test', log: silentLog });
  db = new PrismaClient(database.prisma);
  root = new Client(connection(fresh.url));
  await root.connect();
});
afterEach(async () => {
  await root.end();
  await database.close();
  await fresh.drop();
});

const eventOf = (subjectId: string): NewAuditEvent => ({
  kind: 'login',
  outcome: 'success',
  actor: { id: subjectId, ip: '192.0.2.1', requestId: 'r' },
  subjectId,
  details: { session_id: subjectId },
});
const write = (subject: string) => insertAudit(db, eventOf(subject));
const append = (most = 1_000) => createAuditChain(db).append(most);
const verify = (from = 0n) => createAuditLog(createAuditStore(db), createUserStore(db)).verify(from);

/** Begins a transaction that writes an event. The function that is answered commits it. */
async function begin(subject: string): Promise<() => Promise<void>> {
  const written = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const over = db.$transaction(async (tx) => {
    await insertAudit(tx, eventOf(subject));
    written.resolve();
    await commit.promise;
  });
  await written.promise;
  return async () => {
    commit.resolve();
    await over;
  };
}

async function chain(): Promise<string[]> {
  const { rows } = await root.query<{ position: string; subject: string }>(
    'SELECT position, subject_id AS subject FROM auth.audit_events WHERE position IS NOT NULL ORDER BY position',
  );
  return rows.map(({ position, subject }) => `${position} ${subject}`);
}

/** Changes the log as a superuser can, who bypasses its triggers. */
async function tamper(sql: string): Promise<string[]> {
  await root.query(`SET session_replication_role = replica; ${sql}; RESET session_replication_role`);
  const { faults } = await verify();
  return faults.map(({ position, description }) => `${position}: ${description}`);
}

const partition = async () =>
  (
    await root.query<{ name: string }>(
      `SELECT max(tableoid::regclass::text) AS name FROM auth.audit_events WHERE position = 1`,
    )
  ).rows[0]?.name ?? '';

async function writeFive(): Promise<string> {
  for (const subject of ['one', 'two', 'three', 'four', 'five']) await write(subject);
  expect(await append()).toBe(5);
  expect((await verify()).faults).toEqual([]);
  return partition();
}

test('chains events in the order of their insertion, in batches without a gap', async () => {
  for (const subject of ['one', 'two', 'three']) await write(subject);
  expect([await append(2), await append(2), await append(2)]).toEqual([2, 1, 0]);
  expect(await chain()).toEqual(['1 one', '2 two', '3 three']);
  expect(await verify()).toMatchObject({ checked: 3, faults: [], next: 0n, first: 1n, head: 3n, unchained: 0 });
});

test('the hash of an event is that of docs/audit.md', async () => {
  await write('one');
  await write('two');
  await append();
  const { rows } = await root.query<{ sound: boolean }>(`
    SELECT hash = sha256(coalesce(lag(hash) OVER (ORDER BY position), '') || convert_to(jsonb_build_array(
      position, id, (extract(epoch FROM at) * 1000)::bigint, kind, outcome, actor_id, subject_id, ip, request_id, details
    )::text, 'UTF8')) AS sound FROM auth.audit_events`);
  expect(rows).toEqual([{ sound: true }, { sound: true }]);
});

test('an event that commits late is chained late, and not lost', async () => {
  const commitLate = await begin('late');
  await write('early');
  expect(await append()).toBe(1);
  await commitLate();
  expect(await append()).toBe(1);
  expect(await chain()).toEqual(['1 early', '2 late']);
  expect((await verify()).faults).toEqual([]);
});

test('a search from the last event finds one that commits after 9,999 others, and a search for everything any', async () => {
  const commit = await begin('first');
  const commitLater = await begin('second');
  await root.query(`INSERT INTO auth.audit_events (id, kind, outcome)
    SELECT gen_random_uuid(), 'login', 'success' FROM generate_series(1, 9999)`);
  const { append: appendFrom } = createAuditChain(db);
  expect(await appendFrom(100_000, false)).toBe(9_999);
  await commit();
  await commitLater();
  expect(await appendFrom(100_000, false), 'the second one is 9,999 before the last').toBe(1);
  expect(await appendFrom(100_000, false)).toBe(0);
  expect(await appendFrom(100_000)).toBe(1);
  const { rows } = await root.query(
    `SELECT subject_id AS subject FROM auth.audit_events WHERE position > 9999 ORDER BY position`,
  );
  expect(rows).toEqual([{ subject: 'second' }, { subject: 'first' }]);
});

test('an event that is rolled back leaves no gap', async () => {
  await write('one');
  const undone = db.$transaction(async (tx) => {
    await insertAudit(tx, eventOf('undone'));
    throw new Error('undo');
  });
  await expect(undone).rejects.toThrow('undo');
  await write('two');
  await append();
  expect(await chain()).toEqual(['1 one', '2 two']);
});

test('an event is written while another transaction that wrote one has not committed, and while events are chained', async () => {
  const commit = await begin('held');
  await write('chained');
  await root.query('BEGIN');
  await root.query('SELECT auth.chain_audit_events(10)');
  await write('beside');
  expect(await append(), 'another one is chaining').toBe(0);
  await root.query('COMMIT');
  await commit();
  expect(await append()).toBe(2);
  expect(await chain()).toEqual(['1 chained', '2 held', '3 beside']);
});

test('of ten chainers at the first event of a month one makes the partition, and none fails', async () => {
  for (let round = 1; round <= 10; round++) {
    await write('first of a month');
    await root.query(`UPDATE auth.audit_head SET month = '2001-01-01'`);
    const done = await Promise.all(Array.from({ length: 10 }, () => append()));
    expect(done.reduce((sum, count) => sum + count, 0)).toBe(1);
    // Each round makes the month's partition again.
    await root.query(`ALTER TABLE ${await partition()} RENAME TO month_${round}`);
    await root.query(`ALTER TABLE auth.audit_events DETACH PARTITION auth.month_${round}`);
    await root.query('UPDATE auth.audit_head SET position = 0');
  }
});

test('fifty writers and four chainers at once: each event once, without a gap, in the order of each writer', async () => {
  const over = new AbortController();
  const chainers = Array.from({ length: 4 }, async () => {
    let total = 0;
    while (!over.signal.aborted) total += await append(7);
    return total;
  });
  await Promise.all(
    Array.from({ length: 50 }, async (_, writer) => {
      for (let count = 0; count < 6; count++) await write(`${writer}:${count}`);
    }),
  );
  over.abort();
  let total = (await Promise.all(chainers)).reduce((sum, count) => sum + count, 0);
  for (let count = -1; count !== 0;) total += count = await append();
  expect(total).toBe(300);
  const seen = await chain();
  expect(seen.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: 300 }, (_, place) => place + 1));
  for (let writer = 0; writer < 50; writer++) {
    const own = seen.filter((line) => line.split(' ')[1]?.startsWith(`${writer}:`));
    expect(own.map((line) => line.split(':')[1])).toEqual(['0', '1', '2', '3', '4', '5']);
  }
  expect(await verify()).toMatchObject({ checked: 300, faults: [], head: 300n });
});

test('a chainer that dies before its commit leaves its events to the next one', async () => {
  await write('one');
  const dying = new Client(connection(fresh.url));
  dying.on('error', () => undefined);
  await dying.connect();
  await dying.query('BEGIN');
  const { rows } = await dying.query('SELECT auth.chain_audit_events(10) AS count, pg_backend_pid() AS pid');
  expect(rows[0].count).toBe(1);
  expect(await append(), 'while it holds the head').toBe(0);
  await root.query('SELECT pg_terminate_backend($1, 10000)', [rows[0].pid]);
  expect(await append()).toBe(1);
  expect(await chain()).toEqual(['1 one']);
});

test('the first event of a month makes its partition, and an event is never refused for want of one', async () => {
  await root.query(`UPDATE auth.audit_head SET month = '2001-02-01'`);
  const commit = await begin('held');
  await write('one');
  expect(await partition()).toBe('');
  await append();
  await commit();
  expect(await partition()).toMatch(/^auth\.audit_events_20\d\d_[01]\d$/);
  await root.query(`UPDATE auth.audit_head SET month = '2999-01-01'; SELECT auth.add_audit_month('2999-01-01')`);
  await write('two');
  await append();
  const { rows } = await root.query(
    `SELECT tableoid::regclass::text AS name FROM auth.audit_events WHERE position = 2`,
  );
  expect(rows, 'a clock that was set back').toEqual([{ name: 'auth.audit_events_2999_01' }]);
  expect((await verify()).faults).toEqual([]);
});

test.each(['auth.audit_events', 'auth.audit_unchained', 'the month'])(
  'refuses to update, delete and truncate in %s',
  async (named) => {
    const month = await writeFive();
    await write('unchained');
    const table = named === 'the month' ? month : named;
    for (const sql of [`UPDATE ${table} SET ip = ''`, `DELETE FROM ${table}`, `TRUNCATE ${table}`])
      await expect(root.query(sql), sql).rejects.toThrow('append-only');
  },
);

test('verification finds a removed event', async () => {
  const month = await writeFive();
  expect(await tamper(`DELETE FROM ${month} WHERE position = 3`)).toEqual(['3: the events from 3 to 3 are missing']);
});

test('verification finds a changed event, and a changed hash', async () => {
  const month = await writeFive();
  expect(await tamper(`UPDATE ${month} SET ip = '192.0.2.9' WHERE position = 2`)).toEqual([
    '2: the event or its hash was changed',
  ]);
  expect(await tamper(`UPDATE ${month} SET ip = '192.0.2.1', hash = sha256('') WHERE position = 2`)).toEqual([
    '2: the event or its hash was changed',
    '3: the event or its hash was changed',
  ]);
});

test('verification finds events whose order was changed', async () => {
  const month = await writeFive();
  const faults = await tamper(
    `UPDATE ${month} SET position = position + 10 WHERE position IN (2, 3); UPDATE ${month} SET position = 15 - position WHERE position > 10`,
  );
  expect(faults).toEqual([
    '2: the event or its hash was changed',
    '3: the event or its hash was changed',
    '4: the event or its hash was changed',
  ]);
});

test('verification finds a batch that was removed, at the end too', async () => {
  const month = await writeFive();
  await write('six');
  await append();
  expect(await tamper(`DELETE FROM ${month} WHERE position <= 5`)).toEqual(['1: the events from 1 to 5 are missing']);
  expect(await tamper(`DELETE FROM ${month} WHERE position = 6`)).toEqual(['1: the events from 1 to 6 are missing']);
});

test('verification finds a log that was cut with its head', async () => {
  const month = await writeFive();
  const { headHash, previousHash } = { ...(await verify()), ...(await verify(6n)) };
  expect(previousHash).toBe(headHash);
  const cut = `UPDATE auth.audit_head h SET position = 4, hash = (SELECT hash FROM ${month} WHERE position = 4);
    DELETE FROM ${month} WHERE position = 5`;
  expect(await tamper(cut)).toEqual([]);
  expect(await verify(6n), 'the hash that was kept').toMatchObject({ head: 4n, previousHash: '' });
});

test('verification finds an event that was inserted beside the chain', async () => {
  const month = await writeFive();
  const insert = (position: string) =>
    tamper(`INSERT INTO ${month} SELECT (jsonb_populate_record(e, '{"position": ${position}}')).* FROM ${month} e
      WHERE position = 1`);
  expect(await insert('9')).toEqual(['0: the event is not in the chain']);
  await tamper(
    `DELETE FROM ${month} WHERE position = 9; ALTER TABLE ${month} DROP CONSTRAINT "${month.slice(5)}_position_key"`,
  );
  expect(await insert('3')).toContain('3: another event has the same position');
});

test('an event that is not chained for more than a minute is a fault, and a younger one is counted', async () => {
  await writeFive();
  await write('young');
  expect(await verify()).toMatchObject({ checked: 5, faults: [], unchained: 1 });
  await root.query(
    `INSERT INTO auth.audit_events (id, kind, outcome, at) VALUES (gen_random_uuid(), 'login', 'success', now() - interval '61 seconds')`,
  );
  const { faults, unchained } = await verify();
  expect(unchained).toBe(2);
  expect(faults).toMatchObject([{ position: 0n, description: expect.stringContaining('(2 are not)') }]);
  expect(await createAuditChain(db).unchained()).toMatchObject({ count: 2, age: expect.any(Number) });
});

test('a part that ends within the log names where the next one begins', async () => {
  await writeFive();
  const store = createAuditStore(db);
  const parts = [await store.check(0n, 2), await store.check(3n, 2), await store.check(5n, 2)];
  expect(parts.map(({ checked, next }) => [checked, next])).toEqual([
    [2, 3n],
    [2, 5n],
    [1, 0n],
  ]);
  expect(await store.check(1n, 5)).toMatchObject({ checked: 5, next: 0n });
  expect(await store.check(7n, 5), 'behind the end').toMatchObject({ checked: 0, next: 0n, faults: [] });
});
