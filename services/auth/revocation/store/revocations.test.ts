import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, type Database, openDatabase } from '#kit/db/database.ts';
import { createSequencer } from '#kit/events/sequencer.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { createRevocationStore, revocationSequence } from './revocations.ts';

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
let number: () => Promise<number>;
beforeEach(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'revocations-test', log: silentLog });
  db = new PrismaClient(database.prisma);
  number = createSequencer(db, revocationSequence);
});
afterEach(async () => {
  await database.close();
  await fresh.drop();
});

const revoke = (target: string, client: { query(sql: string): Promise<unknown> } = database.pool) =>
  client.query(`SELECT auth.revoke('session', '${target}', NULL, interval '1 hour')`);

const stream = async () =>
  (await createRevocationStore(db).after(0n, 1_000)).map(
    ({ sequence, revocation }) => `${sequence} ${String(revocation.target.value)}`,
  );

async function connect(): Promise<Client> {
  const client = new Client(connection(fresh.url));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('revocations have no number until they are numbered, in the order of their insertion', async () => {
  await revoke('one');
  await revoke('two');
  expect([await stream(), (await createRevocationStore(db).head()).sequence]).toEqual([[], 0n]);
  expect([await number(), await number()]).toEqual([2, 0]);
  expect(await stream()).toEqual(['1 one', '2 two']);
  const store = createRevocationStore(db);
  const head = await store.head();
  expect([head.sequence, head.lastId]).toEqual([2n, await store.idAt(2n)]);
});

test('a revocation that commits late is numbered late: a reader behind the earlier ones misses nothing', async () => {
  const slow = await connect();
  await slow.query('BEGIN');
  await revoke('late', slow);
  await revoke('early');
  expect(await number()).toBe(1);
  await slow.query('COMMIT');
  expect(await number()).toBe(1);
  expect(await stream()).toEqual(['1 early', '2 late']);
  await slow.end();
});

test('a commit that revokes waits for no other one, and for no sequencer', async () => {
  const [other, sequencer] = [await connect(), await connect()];
  await other.query('BEGIN');
  await revoke('uncommitted', other);
  await sequencer.query('BEGIN');
  await sequencer.query('SELECT FROM auth.heads FOR UPDATE');
  await revoke('beside');
  await sequencer.query('ROLLBACK');
  await other.query('COMMIT');
  expect(await number()).toBe(2);
  await Promise.all([other.end(), sequencer.end()]);
});

test('fifty acts and four sequencers at once: each revocation once, without a gap, and the head is the last one', async () => {
  const small = Array.from({ length: 4 }, () => createSequencer(db, revocationSequence, 3));
  const over = new AbortController();
  const numbering = small.map(async (run) => {
    while (!over.signal.aborted) await run();
  });
  await Promise.all(
    Array.from({ length: 50 }, async (_, act) => {
      for (let round = 0; round < 4; round++) await revoke(`${act}:${round}`);
    }),
  );
  over.abort();
  await Promise.all(numbering);
  while ((await number()) > 0);
  const seen = await stream();
  expect(seen.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: 200 }, (_, place) => place + 1));
  expect(new Set(seen.map((line) => line.split(' ')[1])).size).toBe(200);
  const store = createRevocationStore(db);
  const head = await store.head();
  expect([head.sequence, head.lastId]).toEqual([200n, await store.idAt(200n)]);
});

test('a sequencer that dies before its commit leaves the revocations to the next one', async () => {
  await revoke('one');
  const dying = await connect();
  const { rows } = await dying.query('SELECT pg_backend_pid() AS pid');
  await dying.query('BEGIN');
  await dying.query('UPDATE auth.heads SET revocation_sequence = 1');
  await dying.query('UPDATE auth.revocations SET sequence = 1');
  const waiting = number();
  await expect
    .poll(
      async () => (await database.pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount,
    )
    .toBe(1);
  await database.pool.query('SELECT pg_terminate_backend($1, 10000)', [rows[0].pid]);
  expect(await waiting).toBe(1);
  expect(await stream()).toEqual(['1 one']);
});
