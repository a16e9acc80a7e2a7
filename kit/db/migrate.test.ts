import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog, silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { schemas } from '#kit/testing/schemas.ts';
import { migrate, migrationsOf } from './migrate.ts';
import { openShop, type Shop } from './testing/shop.ts';

let shop: Shop;
beforeEach(async () => (shop = await openShop()));
afterEach(() => shop.close());

test("applies pending migrations in order, in the service's schema", async () => {
  expect(await shop.status()).toEqual({
    applied: [],
    pending: ['20260101000000_one', '20260102000000_two'],
    newer: [],
    problems: [],
  });
  expect(await shop.run()).toEqual({ applied: ['20260101000000_one', '20260102000000_two'] });
  expect(await shop.query('SELECT id FROM shop.one')).toEqual([{ id: 1 }]);
  expect(await shop.status()).toMatchObject({ pending: [], applied: ['20260101000000_one', '20260102000000_two'] });
});

test('applies nothing the second time, and later only new migrations', async () => {
  await shop.run();
  expect(await shop.run()).toEqual({ applied: [] });
  await shop.add('20260103000000_three', 'CREATE TABLE three (id int)');
  expect(await shop.run()).toEqual({ applied: ['20260103000000_three'] });
});

test('refuses a migration that was edited after it was applied, and applies nothing', async () => {
  await shop.run();
  await appendFile(shop.file('20260101000000_one'), '\n-- changed');
  await shop.add('20260103000000_three', 'CREATE TABLE three (id int)');
  await expect(shop.run()).rejects.toThrow('20260101000000_one was edited after it was applied');
  expect(await shop.query(`SELECT to_regclass('shop.three') AS found`)).toEqual([{ found: null }]);
});

test('a migration that waits for a long reader stops no other statement, and is applied when the reader ends', async () => {
  await shop.run();
  await shop.add('20260103000000_three', 'ALTER TABLE one ADD COLUMN text text');
  const reader = await shop.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT FROM shop.one');
  const tries: string[] = [];
  const log = createLog({ level: 'warn', format: 'json', destination: { write: (line) => void tries.push(line) } });
  const migrated = shop.run(log);
  // Each SELECT would wait for the reader behind a migration without a short timeout.
  let reads = 0;
  while (tries.length < 3) {
    await shop.query('SELECT FROM shop.one');
    reads += 1;
  }
  await reader.query('COMMIT');
  await reader.end();
  expect(await migrated).toEqual({ applied: ['20260103000000_three'] });
  expect(reads).toBeGreaterThan(3);
});

test('gives up when the lock of a table stays held for its patience, and applies nothing of that migration', async () => {
  await shop.run();
  await shop.add('20260103000000_three', 'ALTER TABLE one ADD COLUMN text text');
  const reader = await shop.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT FROM shop.one');
  const options = { url: shop.database.url, schema: 'shop', directory: shop.directory, log: silentLog };
  await expect(migrate({ ...options, patience: 1_000 })).rejects.toThrow(/three.*lock timeout/s);
  await reader.end();
  expect(await shop.query("SELECT FROM shop._prisma_migrations WHERE migration_name LIKE '%three'")).toEqual([]);
  expect(await shop.run()).toEqual({ applied: ['20260103000000_three'] });
});

test('gives up when another process migrates for its patience', async () => {
  const other = await shop.connect();
  await other.query(`SELECT pg_advisory_lock(hashtextextended('signet migrations of shop', 0))`);
  const options = { url: shop.database.url, schema: 'shop', directory: shop.directory, log: silentLog };
  await expect(migrate({ ...options, patience: 300 })).rejects.toThrow(
    'another process is applying migrations of shop',
  );
  await other.end();
});

test('ignores different line endings', async () => {
  await shop.run();
  const file = shop.file('20260102000000_two');
  await writeFile(file, 'CREATE TABLE two (id int);\r\nINSERT INTO one VALUES (1);');
  expect(await shop.run()).toEqual({ applied: [] });
});

test('refuses a database that is newer than the directory', async () => {
  await shop.run();
  await shop.remove('20260102000000_two');
  await expect(shop.run()).rejects.toThrow('20260102000000_two is in the database but not in the directory');
});

test('refuses a database with an unfinished migration of another tool', async () => {
  await shop.run();
  await shop.query('UPDATE shop._prisma_migrations SET finished_at = NULL');
  await expect(shop.run()).rejects.toThrow('20260101000000_one was started by another tool and not finished');
});

test('rolls back a failed migration, and reports the line', async () => {
  await shop.add('20260103000000_three', 'CREATE TABLE three (id int);\n\nINSERT INTO nowhere VALUES (1);');
  await expect(shop.run()).rejects.toThrow(
    'migration 20260103000000_three of shop failed: relation "nowhere" does not exist (line 3)',
  );
  expect(await shop.query(`SELECT to_regclass('shop.three') AS found`)).toEqual([{ found: null }]);
  expect(await shop.status()).toMatchObject({ applied: ['20260101000000_one', '20260102000000_two'] });
  await writeFile(shop.file('20260103000000_three'), 'CREATE TABLE three (id int)');
  expect(await shop.run()).toEqual({ applied: ['20260103000000_three'] });
});

test('four processes at once apply each migration once', async () => {
  // Slow enough that the others start before it ends.
  await shop.add('20260103000000_slow', 'SELECT pg_sleep(0.2)');
  const results = await Promise.all([shop.run(), shop.run(), shop.run(), shop.run()]);
  const applied = results.flatMap((one) => one.applied);
  expect(applied.toSorted()).toEqual(['20260101000000_one', '20260102000000_two', '20260103000000_slow']);
});

test("refuses a folder without a migration's name", async () => {
  await shop.add('later', 'SELECT 1');
  await expect(shop.run()).rejects.toThrow('the name of a migration must be <yyyymmddhhmmss>_<name>');
});

test('works for a role that may not create schemas, if the schema exists', async () => {
  await shop.query('CREATE SCHEMA shop');
  await shop.query(`CREATE ROLE "limited_${process.pid}" LOGIN PASSWORD 'limited'`);
  await shop.query(`ALTER SCHEMA shop OWNER TO "limited_${process.pid}"`);
  const url = new URL(shop.database.url.reveal());
  url.username = `limited_${process.pid}`;
  url.password = 'limited';
  const { applied } = await migrate({
    url: new Secret(url.href),
    schema: 'shop',
    directory: shop.directory,
    log: silentLog,
  });
  expect(applied).toHaveLength(2);
  await shop.query(`DROP OWNED BY "limited_${process.pid}"`);
  await shop.query(`DROP ROLE "limited_${process.pid}"`);
});

test("applies the services' migrations, which make every table of schema.prisma", async () => {
  const tables: string[] = [];
  for (const service of schemas) {
    const of = migrationsOf(service);
    const schema = await readFile(path.join(of.directory, '../schema.prisma'), 'utf8');
    tables.push(...Array.from(schema.matchAll(/@@map\("(\w+)"\)/g), ([, table]) => `${service}.${table}`));
    const names = (await readdir(of.directory)).filter((name) => name !== 'migration_lock.toml').toSorted();
    const { applied } = await migrate({ url: shop.database.url, ...of, log: silentLog });
    expect(applied).toEqual(names);
  }
  expect(tables.length).toBeGreaterThan(60);
  const made = await shop.query(`SELECT schemaname || '.' || tablename AS name FROM pg_tables`);
  expect(made).toEqual(expect.arrayContaining(tables.map((name) => ({ name }))));
});
