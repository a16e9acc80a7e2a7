import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { providers } from './provider.ts';

let fresh: FreshDatabase;
let database: Database;
let db: Transactional;
let lines: string[];
beforeEach(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'payment-test', log: silentLog });
  db = database.statements;
  lines = [];
});
afterEach(async () => {
  await database.close();
  await fresh.drop();
});

function open(isProduction: boolean, mayCreate = true) {
  const log = createLog({ level: 'warn', format: 'json', destination: { write: (line) => void lines.push(line) } });
  return providers.sandbox({ db, mayCreate, timeout: 1_000, isProduction, log, deliver: async () => undefined });
}

test('the sandbox warns at start in production, and only there', async () => {
  await open(false);
  expect(lines).toEqual([]);
  await open(true);
  expect(lines.join()).toContain('payments succeed without moving money');
});

test('10 replicas open the sandbox at the same time', async () => {
  const opened = await Promise.all(Array.from({ length: 10 }, () => open(false)));
  expect(opened).toHaveLength(10);
});

test('without the right to create tables, it opens on those that exist only', async () => {
  await expect(open(false, false)).rejects.toThrow(
    'the database lacks the schema "payment_sandbox". SIGNET_MIGRATE is off, so run with a user who may create it: ' +
      'npm run signet -- db migrate --grant-to <user>',
  );
  expect(await db.$queryRaw`SELECT 1 FROM pg_namespace WHERE nspname = 'payment_sandbox'`).toEqual([]);
  await open(false);
  await open(false, false);
});
