import { createHash, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { createDatabase, dropDatabase } from '#kit/db/create-database.ts';
import { connection } from '#kit/db/database.ts';
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
 * Vitest's global set-up: one server a run, with every service migrated into a
 * template that freshDatabase() copies. The server is embedded and ephemeral: a
 * watcher process clears it away if the run ends without its teardown (Ctrl-C
 * twice, kill -9). With TEST_DATABASE_URL it is that one; databases that a
 * killed run left there are dropped by the next.
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
  // One after the other: two that make their first schema at once would do, but a failure should name one.
  for (const service of schemas) await migrate({ url, ...migrationsOf(service), log: silentLog });
  project.provide('postgres', { admin: admin.reveal(), run });
  return async () => {
    if (!embedded) await dropRun(admin, held, run);
    await held.end();
    await embedded?.stop();
  };
}

/** Marks a run as living, by a lock that its connection holds, and clears away what dead runs left. */
async function holdRun(admin: Secret, run: string): Promise<Client> {
  const client = new Client(connection(admin));
  client.on('error', () => undefined);
  await client.connect();
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
