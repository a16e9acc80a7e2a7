import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import { concurrentIndexOf } from './concurrent-index.ts';
import { openShop, type Shop } from './testing/shop.ts';

const migrator = fileURLToPath(new URL('testing/migrator.ts', import.meta.url));
const name = '20260103000000_index';
const sql = '-- Why.\nCREATE INDEX CONCURRENTLY "one_id" ON "shop"."one" ("id");\n';

let shop: Shop;
let old: Client;
beforeEach(async () => {
  shop = await openShop();
  await shop.run();
  await shop.query('INSERT INTO shop.one SELECT generate_series(1, 1000)');
  // The index waits for this transaction, which is older.
  old = await shop.connect();
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await old.query('INSERT INTO shop.one VALUES (2)');
});
afterEach(async () => {
  await old.end();
  await shop.close();
});

const indexes = () =>
  shop.query(
    `SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index WHERE indrelid = 'shop.one'::regclass`,
  );
const valid = [{ name: 'shop.one_id', valid: true }];
const invalid = [{ name: 'shop.one_id', valid: false }];
const records = () =>
  shop.query(
    `SELECT migration_name AS name, finished_at IS NOT NULL AS finished FROM shop._prisma_migrations WHERE migration_name > '20260103'`,
  );
const making = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND query LIKE '%CREATE INDEX CONCURRENTLY%' AND state = 'active' AND pid <> pg_backend_pid()`;

/** Starts the migration in another process, and kills that while the index waits. */
async function killHalfway(): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', migrator, shop.database.url.reveal(), shop.directory],
    {
      env: childEnvironment,
      stdio: 'inherit',
    },
  );
  await expect.poll(indexes, { timeout: 15_000 }).toEqual(invalid);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('reads and writes go on while an index is made beside an old transaction, and another migrator waits for it', async () => {
  await shop.add(name, sql);
  const both = [shop.run(), shop.run()];
  await expect.poll(indexes).toEqual(invalid);
  for (let write = 0; write < 20; write++) {
    await shop.query(`SET lock_timeout = '1ms'; INSERT INTO shop.one VALUES (3)`);
    await shop.query(`SET lock_timeout = '1ms'; SELECT FROM shop.one LIMIT 1`);
  }
  expect(await records()).toEqual([{ name, finished: false }]);
  await old.query('COMMIT');
  const applied = (await Promise.all(both)).flatMap((one) => one.applied);
  expect(applied).toEqual([name]);
  expect([await indexes(), await records()]).toEqual([valid, [{ name, finished: true }]]);
});

test('after kill -9 of the process, the next one waits for the index that the server still makes, and records it', async () => {
  await shop.add(name, sql);
  await killHalfway();
  expect(await shop.query(making)).toHaveLength(1);
  const next = shop.run();
  await old.query('COMMIT');
  expect(await next).toEqual({ applied: [name] });
  expect([await indexes(), await records()]).toEqual([valid, [{ name, finished: true }]]);
});

test('after the end of the server process, too, the next one drops the invalid index and makes it again', async () => {
  await shop.add(name, sql);
  await killHalfway();
  await shop.query(`SELECT pg_terminate_backend(pid, 5000) FROM (${making}) AS made`);
  expect([await indexes(), await records()]).toEqual([invalid, [{ name, finished: false }]]);
  expect(await shop.status()).toMatchObject({ pending: [name], problems: [] });
  await old.query('COMMIT');
  expect(await shop.run()).toEqual({ applied: [name] });
  expect([await indexes(), await records()]).toEqual([valid, [{ name, finished: true }]]);
});

test('a failed index is reported, and an edited migration makes it as edited', async () => {
  await old.query('COMMIT');
  await shop.add(name, sql.replace('INDEX', 'UNIQUE INDEX'));
  await expect(shop.run()).rejects.toThrow(`migration ${name} of shop failed: could not create unique index "one_id"`);
  await writeFile(shop.file(name), sql);
  expect(await shop.run()).toEqual({ applied: [name] });
  expect(
    await shop.query(`SELECT indisunique AS unique FROM pg_index WHERE indexrelid = 'shop.one_id'::regclass`),
  ).toEqual([{ unique: false }]);
});

test('an index that another statement made is not taken for the one of the migration', async () => {
  await old.query('COMMIT');
  await shop.query('CREATE INDEX one_id ON shop.one ((id + 1))');
  await shop.add(name, sql);
  for (const _ of ['first', 'second']) {
    await expect(shop.run()).rejects.toThrow(`migration ${name} of shop failed: relation "one_id" already exists`);
  }
  expect([await indexes(), await records()]).toEqual([valid, []]);
});

test('an edited migration is recorded after the index of its earlier text is dropped', async () => {
  await old.query('COMMIT');
  await shop.add(name, sql);
  await shop.run();
  await shop.query(`UPDATE shop._prisma_migrations SET finished_at = NULL WHERE migration_name = '${name}'`);
  const checksum = `SELECT checksum FROM shop._prisma_migrations WHERE migration_name = '${name}'`;
  const before = await shop.query(checksum);
  await writeFile(shop.file(name), sql.replace('("id")', '(("id" + 1))'));
  await old.query('BEGIN');
  await old.query('INSERT INTO shop.one VALUES (2)');
  const next = shop.run();
  // The drop waits for the transaction.
  await expect.poll(indexes).toEqual(invalid);
  expect(await shop.query(checksum)).toEqual(before);
  await old.query('COMMIT');
  expect(await next).toEqual({ applied: [name] });
  expect(
    await shop.query(
      `SELECT pg_get_expr(indexprs, indrelid) AS of FROM pg_index WHERE indrelid = 'shop.one'::regclass`,
    ),
  ).toEqual([{ of: '(id + 1)' }]);
});

test.each([
  ['two statements', `${sql}SELECT 1;`],
  ['an index without a name', 'CREATE INDEX CONCURRENTLY ON "one" ("id")'],
  ['ONLY, which makes the index of a partitioned table invalid', 'CREATE INDEX CONCURRENTLY "i" ON ONLY "one" ("id")'],
  ['IF NOT EXISTS, which takes an invalid index', 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "i" ON "one" ("id")'],
  ['DROP INDEX CONCURRENTLY', 'DROP INDEX CONCURRENTLY "i"'],
])('refuses %s', (_, text) => {
  expect(() => concurrentIndexOf('folder', text)).toThrow(
    'folder: a migration with CONCURRENTLY must be one statement',
  );
});
