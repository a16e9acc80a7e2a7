import { createHash, randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { createDatabase, dropDatabase } from '#kit/db/create-database.ts';
import { connectTo } from '#kit/db/database.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { databaseUrl, type TestPostgres, templateOf } from './postgres.ts';
import { schemas } from './schemas.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestPostgres;
  }
}

/**
 * Vitest's global setup: one server per run, with a migrated template database that
 * freshDatabase() copies. By default the server is embedded and ephemeral; a watcher
 * process removes it if the run ends without teardown (Ctrl-C twice, kill -9). With
 * TEST_DATABASE_URL that server is used, and each run drops the databases of killed
 * runs.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL'];
  const embedded = given ? undefined : await startEmbedded({ dataDir: '', ephemeral: true, log: silentLog });
  const admin = embedded ? embedded.url('postgres') : new Secret(given ?? '');
  const run = randomBytes(4).toString('hex');
  const held = await holdRun(admin, run);
  const template = templateOf(run);
  await createDatabase(admin, template);
  const url = databaseUrl(admin, template);
  // Sequentially, so that a failure names one service.
  for (const service of schemas) await migrate({ url, ...migrationsOf(service), log: silentLog });
  project.provide('postgres', { admin: admin.reveal(), run });
  return async () => {
    if (!embedded) await dropRun(admin, held, run);
    await held.end();
    await embedded?.stop();
  };
}

/** Marks a run as alive by an advisory lock, and drops the databases of dead runs. */
async function holdRun(admin: Secret, run: string): Promise<Client> {
  const client = await connectTo(admin);
  await client.query('SELECT pg_advisory_lock($1)', [lockOf(run)]);
  const { rows } = await client.query<{ run: string }>(
    String.raw`SELECT DISTINCT substring(datname FROM '^signet_test_([0-9a-f]{8})_') AS run FROM pg_database
     WHERE datname ~ '^signet_test_[0-9a-f]{8}_'`,
  );
  for (const other of rows) {
    const answer = await client.query<{ dead: boolean }>('SELECT pg_try_advisory_lock($1) AS dead', [
      lockOf(other.run),
    ]);
    if (answer.rows[0]?.dead) await dropRun(admin, client, other.run);
  }
  return client;
}

async function dropRun(admin: Secret, client: Client, run: string): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [`signet_test_${run}_`],
  );
  for (const { datname } of rows) await dropDatabase(admin, datname);
}

function lockOf(run: string): string {
  return createHash('sha256').update(`signet test run ${run}`).digest().readBigInt64BE().toString();
}
