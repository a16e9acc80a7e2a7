import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog, silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { schemas } from '#kit/testing/schemas.ts';
import { migrate, migrationStatus, migrationsOf } from './migrate.ts';

let database: FreshDatabase;
let directory: string;

beforeEach(async () => {
  database = await emptyDatabase();
  directory = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  await add('20260101000000_one', 'CREATE TABLE one (id int);');
  await add('20260102000000_two', 'CREATE TABLE two (id int);\nINSERT INTO one VALUES (1);');
});

afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

async function add(name: string, sql: string): Promise<void> {
  await mkdir(path.join(directory, name));
  await writeFile(path.join(directory, name, 'migration.sql'), sql);
}

function run() {
  return migrate({ url: database.url, schema: 'shop', directory, log: silentLog });
}

function status() {
  return migrationStatus({ url: database.url, schema: 'shop', directory });
}

async function query(sql: string): Promise<unknown[]> {
  const client = new Client(database.url.reveal());
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

test("applies pending migrations in order, in the service's schema", async () => {
  expect(await status()).toEqual({
    applied: [],
    pending: ['20260101000000_one', '20260102000000_two'],
    problems: [],
  });
  expect(await run()).toEqual({ applied: ['20260101000000_one', '20260102000000_two'] });
  expect(await query('SELECT id FROM shop.one')).toEqual([{ id: 1 }]);
  expect(await status()).toMatchObject({ pending: [], applied: ['20260101000000_one', '20260102000000_two'] });
});

test('applies nothing the second time, and later only new migrations', async () => {
  await run();
  expect(await run()).toEqual({ applied: [] });
  await add('20260103000000_three', 'CREATE TABLE three (id int)');
  expect(await run()).toEqual({ applied: ['20260103000000_three'] });
});

test('refuses a migration that was edited after it was applied, and applies nothing', async () => {
  await run();
  await appendFile(path.join(directory, '20260101000000_one', 'migration.sql'), '\n-- changed');
  await add('20260103000000_three', 'CREATE TABLE three (id int)');
  await expect(run()).rejects.toThrow('20260101000000_one was edited after it was applied');
  expect(await query(`SELECT to_regclass('shop.three') AS found`)).toEqual([{ found: null }]);
});

test('a migration that waits for a long reader stops no other statement, and is applied when the reader ends', async () => {
  await run();
  await add('20260103000000_three', 'ALTER TABLE one ADD COLUMN text text');
  const reader = new Client(database.url.reveal());
  await reader.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT FROM shop.one');
  const tries: string[] = [];
  const log = createLog({ level: 'warn', format: 'json', destination: { write: (line) => void tries.push(line) } });
  const migrated = migrate({ url: database.url, schema: 'shop', directory, log });
  // Each SELECT would wait for the reader behind a migration without a short timeout.
  let reads = 0;
  while (tries.length < 3) {
    await query('SELECT FROM shop.one');
    reads += 1;
  }
  await reader.query('COMMIT');
  await reader.end();
  expect(await migrated).toEqual({ applied: ['20260103000000_three'] });
  expect(reads).toBeGreaterThan(3);
});

test('ignores different line endings', async () => {
  await run();
  const file = path.join(directory, '20260102000000_two', 'migration.sql');
  await writeFile(file, 'CREATE TABLE two (id int);\r\nINSERT INTO one VALUES (1);');
  expect(await run()).toEqual({ applied: [] });
});

test('refuses a database that is newer than the directory', async () => {
  await run();
  await rm(path.join(directory, '20260102000000_two'), { recursive: true });
  await expect(run()).rejects.toThrow('20260102000000_two is in the database but not in the directory');
});

test('refuses a database with an unfinished migration of another tool', async () => {
  await run();
  await query('UPDATE shop._prisma_migrations SET finished_at = NULL');
  await expect(run()).rejects.toThrow('20260101000000_one was started by another tool and not finished');
});

test('rolls back a failed migration, and reports the line', async () => {
  await add('20260103000000_three', 'CREATE TABLE three (id int);\n\nINSERT INTO nowhere VALUES (1);');
  await expect(run()).rejects.toThrow(
    'migration 20260103000000_three of shop failed: relation "nowhere" does not exist (line 3)',
  );
  expect(await query(`SELECT to_regclass('shop.three') AS found`)).toEqual([{ found: null }]);
  expect(await status()).toMatchObject({ applied: ['20260101000000_one', '20260102000000_two'] });
  await writeFile(path.join(directory, '20260103000000_three', 'migration.sql'), 'CREATE TABLE three (id int)');
  expect(await run()).toEqual({ applied: ['20260103000000_three'] });
});

test('four processes at once apply each migration once', async () => {
  // Slow enough that the others start before it ends.
  await add('20260103000000_slow', 'SELECT pg_sleep(0.2)');
  const results = await Promise.all([run(), run(), run(), run()]);
  const applied = results.flatMap((one) => one.applied);
  expect(applied.toSorted()).toEqual(['20260101000000_one', '20260102000000_two', '20260103000000_slow']);
});

test("refuses a folder without a migration's name", async () => {
  await add('later', 'SELECT 1');
  await expect(run()).rejects.toThrow('the name of a migration must be <yyyymmddhhmmss>_<name>');
});

test('works for a role that may not create schemas, if the schema exists', async () => {
  await query('CREATE SCHEMA shop');
  await query(`CREATE ROLE "limited_${process.pid}" LOGIN PASSWORD 'limited'`);
  await query(`ALTER SCHEMA shop OWNER TO "limited_${process.pid}"`);
  const url = new URL(database.url.reveal());
  url.username = `limited_${process.pid}`;
  url.password = 'limited';
  const { applied } = await migrate({ url: new Secret(url.href), schema: 'shop', directory, log: silentLog });
  expect(applied).toHaveLength(2);
  await query(`DROP OWNED BY "limited_${process.pid}"`);
  await query(`DROP ROLE "limited_${process.pid}"`);
});

test("applies the services' migrations, which make every table of schema.prisma", async () => {
  const tables: string[] = [];
  for (const service of schemas) {
    const of = migrationsOf(service);
    const schema = await readFile(path.join(of.directory, '../schema.prisma'), 'utf8');
    tables.push(...Array.from(schema.matchAll(/@@map\("(\w+)"\)/g), ([, table]) => `${service}.${table}`));
    const names = (await readdir(of.directory)).filter((name) => name !== 'migration_lock.toml').toSorted();
    const { applied } = await migrate({ url: database.url, ...of, log: silentLog });
    expect(applied).toEqual(names);
  }
  expect(tables.length).toBeGreaterThan(60);
  const made = await query(`SELECT schemaname || '.' || tablename AS name FROM pg_tables`);
  expect(made).toEqual(expect.arrayContaining(tables.map((name) => ({ name }))));
});
