import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { migrateBefore, migrateRest } from '#kit/testing/earlier.ts';
import { emptyDatabase, type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { system } from '../rules/events.ts';
import { createAuditChain } from './chain.ts';
import { insertAudit } from './events.ts';
import { createAuditStore } from './log.ts';
import { createAuditRetention } from './retention.ts';

const day = 86_400_000;

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
let root: Client;
beforeEach(async () => open(await freshDatabase()));
afterEach(close);

async function open(opened: FreshDatabase): Promise<void> {
  fresh = opened;
  database = openDatabase({ url: fresh.url, applicationName: 'retention-test', log: silentLog });
  db = new PrismaClient(database.prisma);
  root = new Client(connection(fresh.url));
  await root.connect();
}
async function close(): Promise<void> {
  await root.end();
  await database.close();
  await fresh.drop();
}

const append = () => createAuditChain(db).append(1_000);
const drop = (keep: number) => createAuditRetention(database.statements).dropOldest(keep);
const check = (from = 0n) => createAuditStore(db).check(from, 100);

/** Writes an event that is so many days old. */
const write = (subject: string, age: number) =>
  root.query(
    `INSERT INTO auth.audit_events (id, kind, outcome, subject_id, at)
     VALUES (gen_random_uuid(), 'login', 'success', $1, now() - $2 * interval '1 day')`,
    [subject, age],
  );

/** Chains what was written in the partition of an earlier month. */
async function chainIn(month: string): Promise<void> {
  await root.query(`SELECT auth.add_audit_month('${month}')`);
  await root.query(`UPDATE auth.audit_head SET month = '${month}'`);
  // As at a time of that month.
  const { rows } = await root.query<{ definition: string }>(
    `SELECT pg_get_functiondef('auth.chain_audit_events'::regproc) AS definition`,
  );
  const definition = rows[0]?.definition ?? '';
  await root.query(definition.replace(/date_trunc\('month', now\(\)[^;]*\)::date/, `'${month}'::date`));
  await append();
  await root.query(definition);
}

/** Two events of January, two of February, and two of this month. */
async function threeMonths(): Promise<void> {
  await write('one', 100);
  await write('two', 90);
  await chainIn('2026-01-01');
  await write('three', 60);
  await write('four', 50);
  await chainIn('2026-02-01');
  await write('five', 1);
  await write('six', 0);
  await append();
  expect(await check()).toMatchObject({ checked: 6, faults: [], first: 1n, head: 6n });
}

const partitions = async () =>
  (
    await root.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'auth.audit_events'::regclass ORDER BY 1`,
    )
  ).rows.map(({ name }) => name);

const subjects = async () =>
  (
    await root.query<{ subject: string }>(
      `SELECT subject_id AS subject FROM auth.audit_events WHERE kind = 'login' ORDER BY position`,
    )
  ).rows.map(({ subject }) => subject);

test('drops a month once its last event is older than the retention, and verifies from there', async () => {
  await threeMonths();
  const { previousHash } = await check(3n);
  // The partition of earlier releases, which is empty.
  expect(await drop(91 * day)).toBe(0n);
  expect(await drop(91 * day), 'its last event is younger').toBeUndefined();
  expect(await drop(89 * day)).toBe(2n);
  expect(await drop(89 * day)).toBeUndefined();
  expect(await subjects()).toEqual(['three', 'four', 'five', 'six']);
  expect(await check()).toMatchObject({ checked: 4, faults: [], first: 3n, previousHash, next: 0n });
  expect(await check(1n), 'a position that was dropped').toMatchObject({ checked: 4, faults: [], previousHash });
  expect(await drop(day / 2)).toBe(4n);
  expect(await append(), 'each drop is an event').toBe(2);
  expect(await check()).toMatchObject({ checked: 4, faults: [], first: 5n, head: 8n });
  const { rows } = await root.query(
    `SELECT subject_id AS dropped, details FROM auth.audit_events WHERE kind = 'audit_dropped' ORDER BY position`,
  );
  expect(rows).toEqual([
    { dropped: 'audit_events_2026_01', details: { last_position: '2' } },
    { dropped: 'audit_events_2026_02', details: { last_position: '4' } },
  ]);
});

test('the partition in which events are chained stays, and so do events that are not chained', async () => {
  await write('old', 1_000);
  await append();
  await write('unchained', 1_000);
  await drop(day);
  expect(await drop(day)).toBeUndefined();
  expect(await subjects()).toEqual(['old', 'unchained']);
});

test('verification finds a changed first event, and a changed anchor', async () => {
  await threeMonths();
  await drop(89 * day);
  await drop(89 * day);
  const tamper = async (sql: string) => {
    await root.query(`SET session_replication_role = replica; ${sql}; RESET session_replication_role`);
    return (await check()).faults.map(({ position, description }) => `${position}: ${description}`);
  };
  expect(await tamper(`UPDATE auth.audit_events SET ip = '192.0.2.9' WHERE position = 3`)).toEqual([
    '3: the event or its hash was changed',
  ]);
  expect(await tamper(`UPDATE auth.audit_events SET ip = '' WHERE position = 3`)).toEqual([]);
  expect(await tamper(`UPDATE auth.audit_head SET anchor_hash = sha256('')`)).toEqual([
    '3: the event or its hash was changed',
  ]);
});

test('a transaction that uses the log goes first: the drop gives up within a fifth of a second, and succeeds later', async () => {
  await threeMonths();
  await drop(89 * day);
  await root.query('BEGIN');
  await root.query('SELECT count(*) FROM auth.audit_events');
  const began = performance.now();
  await expect(drop(89 * day)).rejects.toThrow('lock timeout');
  // A sign-in waits no longer than this.
  expect(performance.now() - began).toBeLessThan(2_000);
  await insertAudit(db, { kind: 'login', outcome: 'success', actor: system });
  await root.query('COMMIT');
  expect(await check()).toMatchObject({ first: 1n, faults: [] });
  expect(await drop(89 * day)).toBe(2n);
});

test('of several replicas one drops, and none while events are chained', async () => {
  await threeMonths();
  await root.query('BEGIN');
  await root.query(`SELECT pg_advisory_xact_lock(hashtextextended('signet audit chain', 0))`);
  expect(await drop(day)).toBeUndefined();
  await root.query('COMMIT');
  for (let count = 0; count < 5; count++) await Promise.all([drop(day / 2), drop(day / 2), drop(day / 2)]);
  expect(await subjects()).toEqual(['five', 'six']);
  await append();
  expect((await check()).faults).toEqual([]);
});

test('the events of earlier releases are dropped with their links', async () => {
  await close();
  const opened = await emptyDatabase();
  await migrateBefore(opened.url, 'auth', '20261126160000_audit_columns');
  await open(opened);
  await write('one', 100);
  await write('two', 90);
  await migrateRest(fresh.url, 'auth');
  await write('three', 0);
  await append();
  expect(await drop(91 * day)).toBeUndefined();
  expect(await drop(89 * day)).toBe(2n);
  expect(await subjects()).toEqual(['three']);
  expect((await root.query('SELECT FROM auth.audit_chain')).rowCount).toBe(0);
  expect(await partitions()).not.toContain('auth.audit_events_earlier');
  expect(await check()).toMatchObject({ checked: 1, faults: [], first: 3n, unchained: 1 });
});
