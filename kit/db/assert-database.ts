import { access, constants } from 'node:fs/promises';
import type { Client } from 'pg';
import { databaseFault } from '#kit/errors/database-fault.ts';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { connectTo } from './database.ts';
import { passesStatementNames, poolingOf } from './pooler.ts';
import { unpinned } from './session.ts';

/** A database URL and its configuration key. */
interface KeyedUrl {
  readonly key: string;
  readonly url: Secret;
}

/** The database of a service, as configured. */
export interface DatabaseToCheck extends KeyedUrl {
  readonly direct: { readonly key: string; readonly url: Secret | undefined };
  /** Whether named statements are on. */
  readonly prepared: boolean;
}

/**
 * Checks what a service relies on in its database: that it can connect, that the database is writable and stores UTF-8,
 * and, behind a connection pooler, what the pooler and the role must provide.
 * @throws StartError naming what is wrong and the key that corrects it
 */
export async function assertDatabase({ direct, prepared, ...given }: DatabaseToCheck): Promise<void> {
  const own: KeyedUrl = direct.url ? { key: direct.key, url: direct.url } : given;
  const identity = await explained(own, async () => {
    if ((await poolingOf(own.url)) === 'transaction') throw new StartError(sharedSession(own.key, direct.key));
    return withClient(own, true, async (client) => {
      await assertWritable(client, own.key);
      await assertEncoding(client, own.key);
      return identityOf(client);
    });
  });
  if (own === given) return;
  await explained(given, () =>
    withClient(given, false, async (client) => {
      if ((await identityOf(client)) !== identity) {
        throw new StartError(`${direct.key} and ${given.key} lead to different databases or users.`);
      }
      const missing = await unpinned(client);
      if (missing.length > 0) {
        throw new StartError(
          `with ${direct.key}, ${given.key} may lead to a pooler in transaction mode, where Signet relies on the settings ` +
            `of its database role. Run as this role and then reconnect the pooler: ${missing.join(' ')}`,
        );
      }
      if (prepared && (await passesStatementNames(client)) && (await poolingOf(given.url)) === 'transaction') {
        throw new StartError(
          `the pooler of ${given.key} does not manage prepared statements. Set SIGNET_DATABASE_PREPARED=off, or ` +
            'max_prepared_statements of PgBouncer 1.21 or newer.',
        );
      }
    }),
  );
}

function sharedSession(key: string, directKey: string): string {
  const hint =
    key === directKey
      ? `Set ${key} to PostgreSQL itself or to a pool in session mode.`
      : `Set ${directKey} to PostgreSQL itself, for notifications, jobs and migrations (docs/operating.md), or use session mode.`;
  return `${key} leads to a connection pooler in transaction mode. ${hint}`;
}

/** Runs work on a connection. */
async function withClient<T>({ url }: KeyedUrl, pin: boolean, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectTo(url, { pin });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Runs work that connects to a database. @throws StartError in place of any other error */
async function explained<T>({ key, url }: KeyedUrl, work: () => Promise<T>): Promise<T> {
  await assertFiles(key, url);
  try {
    return await work();
  } catch (error) {
    if (error instanceof StartError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new StartError(databaseFault(error, key) ?? `cannot use the database of ${key}: ${message}`, {
      cause: error,
    });
  }
}

/** Checks the files that a URL names. */
async function assertFiles(key: string, url: Secret): Promise<void> {
  const { searchParams } = new URL(url.reveal());
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const file = searchParams.get(name);
    if (!file) continue;
    await access(file, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
      throw new StartError(`the file of ${name} in ${key} cannot be read: ${error.message}`);
    });
  }
}

async function assertWritable(client: Client, key: string): Promise<void> {
  const { rows } = await client.query<{ readonly: string; standby: boolean }>(
    `SELECT current_setting('transaction_read_only') AS readonly, pg_is_in_recovery() AS standby`,
  );
  const [found] = rows;
  if (found?.standby)
    throw new StartError(`the database of ${key} is a standby and read-only. Set ${key} to the primary.`);
  if (found?.readonly !== 'off') {
    throw new StartError(
      `the database of ${key} is read-only: default_transaction_read_only is on for the server, database, role or URL.`,
    );
  }
}

async function assertEncoding(client: Client, key: string): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  const encoding = rows[0]?.encoding;
  if (encoding !== 'UTF8') {
    throw new StartError(
      `the database of ${key} has the encoding ${encoding}, which cannot store all text. ` +
        `Create one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and set ${key} to it.`,
    );
  }
}

/** Identifies a server, database and user: equal for a URL and its direct URL. */
async function identityOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ identity: string }>(
    `SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), current_database(), current_user) AS identity`,
  );
  return rows[0]!.identity;
}
