import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { migrateBefore, migrateRest } from '#kit/testing/earlier.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { system } from '../rules/events.ts';
import { createAuditChain } from './chain.ts';
import { insertAudit } from './events.ts';
import { createAuditStore } from './log.ts';

// Three events of the release that chained each event at its commit.

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
let root: Client;
let fileBefore: string;
let headBefore: string;
beforeAll(async () => {
  fresh = await emptyDatabase();
  await migrateBefore(fresh.url, 'auth', '20261126160000_audit_columns');
  root = new Client(connection(fresh.url));
  await root.connect();
  for (const subject of ['one', 'two', 'three']) await insertEarlier(subject);
  fileBefore = await fileOf('audit_events');
  headBefore = (await root.query(`SELECT encode(audit_hash, 'hex') AS hash FROM auth.heads`)).rows[0].hash;
  await migrateRest(fresh.url, 'auth');
  database = openDatabase({ url: fresh.url, applicationName: 'chain-test', log: silentLog });
  db = new PrismaClient(database.prisma);
});
afterAll(async () => {
  await root.end();
  await database.close();
  await fresh.drop();
});

/** As a process of the earlier release inserts, also while its successors run. */
const insertEarlier = (subject: string) =>
  root.query(
    `INSERT INTO auth.audit_events (id, kind, outcome, actor_id, subject_id, ip, request_id, details)
     VALUES (gen_random_uuid(), 'login', 'success', $1, $1, '192.0.2.1', 'r', '{"a": 1}')`,
    [subject],
  );

/** The file of a table, which is another one after the table was rewritten. */
const fileOf = async (table: string) =>
  (await root.query(`SELECT pg_relation_filenode('auth.${table}')::text AS file`)).rows[0].file as string;

const check = (from = 0n) => createAuditStore(db).check(from, 10);

test('the events of earlier releases stay where they are, and their chain goes on', async () => {
  expect(await fileOf('audit_events_earlier')).toBe(fileBefore);
  expect(await check()).toMatchObject({ checked: 3, faults: [], head: 3n, headHash: headBefore });
  await insertEarlier('four');
  await insertAudit(db, { kind: 'login', outcome: 'success', actor: system, subjectId: 'five' });
  expect(await createAuditChain(db).append(10)).toBe(2);
  expect(await check()).toMatchObject({ checked: 5, faults: [], head: 5n, next: 0n });
  expect(await check(4n), 'a head that was kept').toMatchObject({ checked: 2, previousHash: headBefore });
  const { rows } = await root.query('SELECT subject_id AS subject FROM auth.audit_events ORDER BY subject_id');
  expect(rows.map(({ subject }) => subject)).toEqual(['five', 'four', 'one', 'three', 'two']);
});

test.each(['audit_events_earlier', 'audit_chain'])('refuses to update and delete in %s', async (table) => {
  await expect(root.query(`UPDATE auth.${table} SET hash = ''`)).rejects.toThrow('append-only');
  await expect(root.query(`DELETE FROM auth.${table}`)).rejects.toThrow('append-only');
});

test.each([
  [`UPDATE auth.audit_events_earlier SET ip = '' WHERE subject_id = 'two'`, '2: the event or its hash was changed'],
  [`DELETE FROM auth.audit_events_earlier WHERE subject_id = 'two'`, '2: the event is missing'],
  [
    'DELETE FROM auth.audit_chain WHERE sequence = 2',
    '0: the event is not in the chain; 2: the events from 2 to 2 are missing',
  ],
  [
    `INSERT INTO auth.audit_events_earlier SELECT (jsonb_populate_record(e, '{"id": "00000000-0000-0000-0000-000000000000"}')).*
     FROM auth.audit_events_earlier e WHERE subject_id = 'one'`,
    '0: the event is not in the chain',
  ],
])('verification finds a change of events of earlier releases: %s', async (change, expected) => {
  // A superuser bypasses the triggers.
  await root.query(`SET session_replication_role = replica;
    CREATE TEMP TABLE events AS TABLE auth.audit_events_earlier; CREATE TEMP TABLE chain AS TABLE auth.audit_chain`);
  await root.query(change);
  const { faults } = await check();
  await root.query(`DELETE FROM auth.audit_events_earlier; INSERT INTO auth.audit_events_earlier TABLE events;
    DELETE FROM auth.audit_chain; INSERT INTO auth.audit_chain TABLE chain;
    DROP TABLE events, chain; RESET session_replication_role`);
  expect(faults.map(({ position, description }) => `${position}: ${description}`).join('; ')).toBe(expected);
});
