import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { byPort, type FreshDatabase, freshDatabase, portOf } from '#kit/testing/postgres.ts';
import { isDatabaseAway } from '#kit/errors/away.ts';
import { openTcpProxy } from '#kit/testing/tcp-proxy.ts';
import { type Database, openDatabase } from './database.ts';

let fresh: FreshDatabase;
let database: Database;
let prisma: PrismaClient;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'database-test', log: silentLog });
  prisma = new PrismaClient({ adapter: database.adapter });
});

afterAll(async () => {
  await prisma.$disconnect();
  await database.close();
  await fresh.drop();
});

function account(email: string, id = crypto.randomUUID()) {
  return { id, email, name: 'A', passwordHash: 'x', roles: ['user'] };
}

async function caught(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return undefined;
}

test("reads times as they were written, whatever the database's time zone", async () => {
  const name = new URL(fresh.url.reveal()).pathname.slice(1);
  await database.pool.query(`ALTER DATABASE "${name}" SET timezone = 'Asia/Kolkata'`);
  const other = openDatabase({ url: fresh.url, applicationName: 'zone', log: silentLog });
  const client = new PrismaClient({ adapter: other.adapter });
  onTestFinished(async () => {
    await client.$disconnect();
    await other.close();
  });
  const createdAt = new Date('2026-07-01T12:34:56.789Z');
  const { id } = await client.user.create({ data: { ...account('zone@example.com'), createdAt } });
  const read = await client.user.findUniqueOrThrow({ where: { id } });
  expect(read.createdAt).toEqual(createdAt);
  const { rows } = await other.pool.query<{ epoch: string }>(
    'SELECT extract(epoch FROM created_at) * 1000 AS epoch FROM auth.users WHERE id = $1',
    [id],
  );
  expect(Number(rows[0]?.epoch)).toBe(createdAt.getTime());
});

test('keeps the options in the URL', async () => {
  const url = new URL(fresh.url.reveal());
  url.searchParams.set('options', '-c lock_timeout=1234');
  const other = openDatabase({ url: new Secret(url.href), applicationName: 'options', log: silentLog });
  onTestFinished(() => other.close());
  expect((await other.pool.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '1234ms' }]);
  expect((await other.pool.query('SHOW timezone')).rows).toEqual([{ TimeZone: 'UTC' }]);
});

test('reconnects after losing connections, idle and in a transaction', async () => {
  const { url, drop } = await freshDatabase();
  const lines: string[] = [];
  const log = createLog({ level: 'debug', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const lost = openDatabase({ url, applicationName: 'lost', log, max: 2 });
  const busy = await lost.pool.connect();
  await busy.query('BEGIN');
  await lost.pool.query('SELECT 1');
  const admin = new Client(url.reveal());
  await admin.connect();
  // Not once() of node:events: it handles errors, which is what is tested.
  const busyEnded = new Promise((resolve) => busy.once('end', resolve));
  const idleRemoved = new Promise((resolve) => lost.pool.once('remove', resolve));
  await admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await Promise.all([busyEnded, idleRemoved]);
  busy.release(true);
  expect((await lost.pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
  expect(lines.join('')).toContain('lost a database connection');
  expect(lines.join('')).toContain('terminating connection');
  expect(lines.join('')).not.toContain(new URL(url.reveal()).password);
  expect(lines.join('')).not.toContain('connectionParameters');
  await admin.end();
  await lost.close();
  await lost.close();
  await drop();
});

test('a statement rejects without a database, and its error does not contain the password', async () => {
  const away = openDatabase({
    url: new Secret('postgres://signet:hunter2@127.0.0.1:1/signet'),
    applicationName: 'away',
    log: silentLog,
  });
  const error = await caught(away.pool.query('SELECT 1'));
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  expect(inspect(error, { depth: 10 })).not.toContain('hunter2');
  await away.close();
});

test('refuses an invalid URL without showing it', () => {
  const url = new Secret('not a url: hunter2');
  const open = () => openDatabase({ url, applicationName: 'bad', log: silentLog });
  expect(open).toThrow('the database URL is not a URL');
  expect(open).not.toThrow('hunter2');
});

test('limits the time of a statement, and prepares repeated statements', async () => {
  expect((await database.pool.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '30s' }]);
  const one = openDatabase({ url: fresh.url, applicationName: 'prepared', log: silentLog, max: 1 });
  const client = new PrismaClient({ adapter: one.adapter });
  for (let i = 0; i < 3; i += 1) await client.$queryRaw`SELECT ${i}::int AS n`;
  const { rows } = await one.pool.query(`SELECT name FROM pg_prepared_statements WHERE statement LIKE '%AS n'`);
  expect(rows).toHaveLength(1);
  await client.$disconnect();
  await one.close();
});

test('two keys cannot be active at once', async () => {
  const key = { alg: 'RS256', state: 'active', publicJwk: {}, sealedPrivate: new Uint8Array([1]) };
  await prisma.signingKey.create({ data: { ...key, kid: 'one' } });
  await prisma.signingKey.create({ data: { ...key, kid: 'two', state: 'retired' } });
  const refused = await caught(prisma.signingKey.create({ data: { ...key, kid: 'three' } }));
  expect(JSON.stringify(refused)).toContain('signing_keys_one_active');
});

test('a silently dropped connection fails its statement, and the next statement uses another', async () => {
  const way = await openTcpProxy(portOf(fresh.url));
  const url = byPort(fresh.url, way.port);
  const other = openDatabase({ url, max: 1, applicationName: 'lossy', log: silentLog, statementTimeout: 200 });
  const client = new PrismaClient({ adapter: other.adapter });
  onTestFinished(async () => {
    await client.$disconnect();
    await other.close();
    await way.close();
  });
  await client.$queryRaw`SELECT 1`;
  way.lose();
  expect(isDatabaseAway(await caught(client.$queryRaw`SELECT 1`))).toBe(true);
  expect(await client.$queryRaw`SELECT 2 AS two`).toEqual([{ two: 2 }]);
});
