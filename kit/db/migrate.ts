import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, DatabaseError } from 'pg';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { connectTo } from './database.ts';
import { type Comparison, compareHistory, type Migration, MigrationError, readMigrations } from './history.ts';

/** A service's migrations and their database. */
export interface MigrateOptions {
  readonly url: Secret;
  /** The service's schema, created if missing. */
  readonly schema: string;
  /** Directory of migrations, in Prisma's format. */
  readonly directory: string;
  readonly log: Log;
}

/** Timeout of waiting for another migrator, and of all tries to lock a table, ms. */
const patience = 120_000;
/**
 * Longest wait of a statement for the lock of a table or a row, and the pauses between tries, ms. All later statements on a
 * table wait behind one that waits for it, so a long reader and a migration would stop the services. A migration that changes
 * many rows, which others may have locked, is made of small steps instead.
 */
const lockWait = { once: 500, pauses: [500, 1_000, 2_000, 4_000] } as const;

/** Returns the schema and directory of a service, for migrate(). */
export function migrationsOf(service: string): { schema: string; directory: string } {
  return {
    schema: service,
    directory: fileURLToPath(new URL(`../../prisma/${service}/migrations`, import.meta.url)),
  };
}

/**
 * Applies pending migrations in order, each in its own transaction, and records them
 * in `_prisma_migrations`. Safe to run in several processes at once: each migration is applied by one, and all return when
 * none is pending.
 * @returns names of the migrations that this call applied
 * @throws MigrationError if the history does not match the directory, or a migration fails (it is rolled back)
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  const { schema, log } = options;
  const migrations = await readMigrations(options.directory);
  return withClient(options, async (client) => {
    const applied: string[] = [];
    let end = performance.now() + patience;
    for (let busy = 0; ;) {
      try {
        const name = await applyNext(client, schema, migrations);
        if (name === undefined) return { applied };
        log.info({ schema, migration: name }, 'migration applied');
        applied.push(name);
        busy = 0;
        end = performance.now() + patience;
      } catch (error) {
        if (!isTableBusy(error) || performance.now() > end) throw error;
        const pause = lockWait.pauses[Math.min(busy++, lockWait.pauses.length - 1)];
        log.warn(
          { schema, reason: error.message },
          'a migration waits for a lock that a statement holds; it tries again',
        );
        await sleep(pause);
      }
    }
  });
}

/** Returns what migrate() would do, without changes. */
export async function migrationStatus(
  options: Omit<MigrateOptions, 'log'>,
): Promise<{ applied: string[]; pending: string[]; problems: string[] }> {
  const migrations = await readMigrations(options.directory);
  return withClient(options, async (client) => {
    const { applied, pending, problems } = await compare(client, options.schema, migrations);
    return { applied: [...applied], pending: pending.map(({ name }) => name), problems: [...problems] };
  });
}

async function withClient<T>(options: { url: Secret }, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectTo(options.url, { application_name: 'signet-migrate' });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function prepare(client: Client, schema: string): Promise<void> {
  const name = client.escapeIdentifier(schema);
  // Checked first: CREATE SCHEMA requires a privilege that the user may lack if the schema exists already.
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  if (!rowCount) await client.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
  // The same table as Prisma's, so that its tools can read it.
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${name}._prisma_migrations (
      id VARCHAR(36) PRIMARY KEY NOT NULL,
      checksum VARCHAR(64) NOT NULL,
      finished_at TIMESTAMPTZ,
      migration_name VARCHAR(255) NOT NULL,
      logs TEXT,
      rolled_back_at TIMESTAMPTZ,
      started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
      applied_steps_count INTEGER NOT NULL DEFAULT 0
    )`,
  );
}

async function compare(client: Client, schema: string, migrations: readonly Migration[]): Promise<Comparison> {
  const table = `${client.escapeIdentifier(schema)}._prisma_migrations`;
  const exists = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [table]);
  if (!exists.rows[0]?.found) return compareHistory(migrations, []);
  const { rows } = await client.query<{ name: string; checksum: string; finished: boolean }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
     FROM ${table} WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return compareHistory(migrations, rows);
}

/** Applies the first pending migration in a transaction, and returns its name; undefined if none is pending. */
async function applyNext(
  client: Client,
  schema: string,
  migrations: readonly Migration[],
): Promise<string | undefined> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${patience}`);
    // For this transaction and not for the session: a pooler may keep a session, and with it the lock, after its client
    // has left. pg_advisory_xact_lock obeys lock_timeout.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`signet migrations of ${schema}`]);
    await prepare(client, schema);
    const { pending, problems } = await compare(client, schema, migrations);
    if (problems.length > 0) throw new MigrationError(`migrations of ${schema}:\n  ${problems.join('\n  ')}`);
    const [next] = pending;
    if (next) await apply(client, schema, next);
    else await client.query('COMMIT');
    return next?.name;
  } catch (error) {
    // Fails only if the connection is lost, in which case the server rolls back.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Applies a migration, records it and commits. @throws MigrationError if it fails */
async function apply(client: Client, schema: string, migration: Migration): Promise<void> {
  const name = client.escapeIdentifier(schema);
  try {
    await client.query(`SET LOCAL search_path = ${name}`);
    await client.query(`SET LOCAL lock_timeout = ${lockWait.once}`);
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO ${name}._prisma_migrations
        (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
       VALUES ($1, $2, clock_timestamp(), $3, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    throw new MigrationError(`migration ${migration.name} of ${schema} failed: ${explain(error, migration.sql)}`, {
      cause: error,
    });
  }
}

/** Whether a migration was rolled back because a statement holds a table for longer than it waits. */
function isTableBusy(error: unknown): error is MigrationError {
  return error instanceof MigrationError && error.cause instanceof DatabaseError && error.cause.code === '55P03';
}

/** Returns an error's message, with the line in the migration if PostgreSQL reports it. */
function explain(error: unknown, sql: string): string {
  if (!(error instanceof Error)) return String(error);
  const position = error instanceof DatabaseError ? Number(error.position) : Number.NaN;
  if (!(position > 0)) return error.message;
  return `${error.message} (line ${sql.slice(0, position).split('\n').length})`;
}
