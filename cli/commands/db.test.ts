import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { servicesWithData } from '../../services/registry.ts';
import { run } from '../testing/run.ts';

let database: FreshDatabase;
beforeEach(async () => (database = await emptyDatabase()));
afterEach(() => database.drop());

const on = (url: string) => ({ environment: { DATABASE_URL: url } });

test('applies pending migrations and lists them; a second run applies none', async () => {
  const environment = on(database.url.reveal());
  const before = await run(['db', 'status', '--json'], environment);
  expect(before.json().services.map((one: { service: string }) => one.service)).toEqual(
    servicesWithData.map(({ name }) => name),
  );
  const { applied, pending } = before.json().services[0];
  expect([applied, pending[0], pending.length > 1]).toEqual([[], '20261122000000_init', true]);

  const first = await run(['db', 'migrate'], environment);
  expect([first.exit, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(/^applied auth\/\d{14}_\w+\n/);
  const after = await run(['db', 'status'], environment);
  expect(after.stdout).not.toContain('pending');
  expect(after.stdout).toMatch(/^user +\d{14}_\w+ +applied$/m);
  const second = await run(['db', 'migrate'], environment);
  expect([second.exit, second.stdout]).toEqual([0, 'up to date\n']);
});

test("works on a service's own database where it has one", async () => {
  const other = await emptyDatabase();
  const environment = { DATABASE_URL: database.url.reveal(), USER_DATABASE_URL: other.url.reveal() };
  expect((await run(['db', 'migrate'], { environment })).exit).toBe(0);
  const schemasOf = async (url: string) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      `SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'user') ORDER BY 1`,
    );
    await client.end();
    return rows.map(({ nspname }) => nspname);
  };
  expect([await schemasOf(database.url.reveal()), await schemasOf(other.url.reveal())]).toEqual([['auth'], ['user']]);
  await other.drop();
});

test('reports a database that does not match the code and exits with 1', async () => {
  const environment = on(database.url.reveal());
  await run(['db', 'migrate'], environment);
  const client = new Client({ connectionString: database.url.reveal() });
  await client.connect();
  await client.query("UPDATE auth._prisma_migrations SET checksum = 'other'");
  await client.end();
  for (const command of ['status', 'migrate']) {
    const { exit, stderr } = await run(['db', command], environment);
    expect([exit, stderr]).toEqual([1, expect.stringContaining('was edited after it was applied')]);
  }
});

test('exits with 3 if the database is unreachable, without printing its password', async () => {
  const { exit, stdout, stderr } = await run(['db', 'status'], on('postgres://signet:hunter2@127.0.0.1:1/signet'));
  expect([exit, stdout]).toEqual([3, '']);
  expect(stderr).toBe('signet: the database of DATABASE_URL does not respond (ECONNREFUSED)\n');
});

test('finds the database of a running npm start, and otherwise explains how to start one', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'signet-db-'));
  try {
    const environment = { SIGNET_DATA_DIR: dataDir };
    const none = await run(['db', 'status'], { environment });
    expect([none.exit, none.stderr]).toEqual([3, expect.stringContaining('Start one with npm start')]);
    const server = await startEmbedded({ dataDir, log: silentLog });
    const found = await run(['db', 'migrate'], { environment });
    await server.stop();
    expect([found.exit, found.stdout]).toEqual([0, expect.stringContaining('applied auth/')]);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
