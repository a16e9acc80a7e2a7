import type { Client } from 'pg';
import about from 'pg-boss/package.json' with { type: 'json' };
import { getRollbackPlans } from 'pg-boss';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { installJobs } from './install.ts';
import { openJobs } from './jobs.ts';

const current = about.pgboss.schema;
const command = 'npm run signet -- db migrate --grant-to <user>';

let database: FreshDatabase;
let client: Client;
beforeEach(async () => {
  database = await emptyDatabase();
  client = await connectTo(database.url);
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

/** Opens the jobs with SIGNET_MIGRATE=off, and closes them. */
async function openWithoutMigrations(): Promise<void> {
  const jobs = await openJobs<{ greet: object }>(
    { database: { databaseUrl: database.url, migrate: false }, service: 'user', log: silentLog, metrics: noMetrics },
    { greet: { retries: 1, delay: 1, maxDelay: 1, timeout: 30 } },
  );
  await jobs.close();
}

/** The version of the schema, and the indexes that are not made. */
async function state(): Promise<{ version: number; left: number; indexes: number }> {
  const { rows } = await client.query<{ version: number; left: number; indexes: number }>(
    `SELECT (SELECT version FROM user_jobs.version),
            (SELECT count(*)::int FROM user_jobs.bam WHERE status <> 'completed') AS left,
            (SELECT count(*)::int FROM pg_indexes WHERE schemaname = 'user_jobs') AS indexes`,
  );
  return rows[0]!;
}

test('an update of the schema has made all its indexes when it returns', async () => {
  await installJobs(database.url, 'user');
  const whole = await state();
  expect(whole).toMatchObject({ version: current, left: 0 });
  await client.query(getRollbackPlans('user_jobs', current));
  const before = await state();
  expect(before.version).toBe(current - 1);
  expect(before.indexes).toBeLessThan(whole.indexes);
  // The indexes are due at once and not at pg-boss's next look.
  await client.query('UPDATE user_jobs.version SET bam_on = NULL');
  await installJobs(database.url, 'user');
  expect(await state()).toEqual(whole);
});

test('an index that cannot be made is an error, and the next update makes it', async () => {
  await installJobs(database.url, 'user');
  await client.query(
    `INSERT INTO user_jobs.bam (name, version, status, table_name, command)
     VALUES ('later_index', $1, 'pending', 'job', 'CREATE INDEX CONCURRENTLY later_id ON user_jobs.later (id)')`,
    [current],
  );
  const install = async () => {
    await client.query('UPDATE user_jobs.version SET bam_on = NULL');
    await installJobs(database.url, 'user');
  };
  await expect(install()).rejects.toThrow(
    'indexes of the jobs of user were not made: later_index: error: relation "user_jobs.later" does not exist',
  );
  await client.query('CREATE TABLE user_jobs.later (id int)');
  await install();
  expect(await state()).toMatchObject({ version: current, left: 0 });
});

test.each([0, 1])('without migrations, jobs are opened on a schema that is %i versions newer', async (newer) => {
  await installJobs(database.url, 'user');
  await client.query('UPDATE user_jobs.version SET version = version + $1', [newer]);
  await openWithoutMigrations();
  expect(await state()).toMatchObject({ version: current + newer });
});

test('without migrations, jobs are not opened on a schema that is older or missing', async () => {
  await expect(openWithoutMigrations()).rejects.toThrow(
    `the schema "user_jobs" cannot be read (relation "user_jobs.version" does not exist). SIGNET_MIGRATE is off, so run with the owner of the schema: ${command}`,
  );
  await installJobs(database.url, 'user');
  await client.query('UPDATE user_jobs.version SET version = version - 1');
  await expect(openWithoutMigrations()).rejects.toThrow(
    `the schema "user_jobs" has version ${current - 1}, and this code needs ${current}. SIGNET_MIGRATE is off`,
  );
  expect(await state()).toMatchObject({ version: current - 1 });
});
