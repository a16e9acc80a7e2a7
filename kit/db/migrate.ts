import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, DatabaseError } from 'pg';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { type ConcurrentIndex, makeIndex } from './concurrent-index.ts';
import { connectTo } from './database.ts';
import { type Comparison, compareHistory, type Migration, readMigrations, type Recorded } from './history.ts';
import { withoutRights } from './grants.ts';
import { defaultPatience, inTurn } from './turn.ts';
import { MigrationError } from './migration-error.ts';

/** A service's migrations and their database. */
export interface MigrateOptions {
  readonly url: Secret;
  /** The service's schema, created if missing. */
  readonly schema: string;
  /** Directory of migrations, in Prisma's format. */
  readonly directory: string;
  /** The release of this code. Default: that of package.json. */
  readonly release?: string;
  /** Timeout of waiting for another migrator, and of all tries to lock a table, ms. Default 120,000. */
  readonly patience?: number;
  readonly log: Log;
}

/**
 * Longest wait of a statement for the lock of a table or a row, and the pauses between tries, ms. All later statements on a
 * table wait behind one that waits for it, so a long reader and a migration would stop the services. A migration that changes
 * many rows, which others may have locked, is made of small steps instead.
 */
const lockWait = { once: 500, pauses: [500, 1_000, 2_000, 4_000] } as const;

/** Marks the records of migrations that make an index, in the column in which Prisma has its own tools' output. */
const indexMark = 'signet: index made concurrently';

/** Returns the schema and directory of a service, for migrate(). */
export function migrationsOf(service: string): { schema: string; directory: string } {
  return {
    schema: service,
    directory: fileURLToPath(new URL(`../../prisma/${service}/migrations`, import.meta.url)),
  };
}

/**
 * Applies pending migrations in order, each in its own transaction (except indexes made concurrently), and records them
 * in `_prisma_migrations`. Safe to run in several processes at once: each migration is applied by one, and all return when
 * none is pending. With migrations of a newer release that works with this one, it warns.
 * @returns names of the migrations that this call applied
 * @throws MigrationError if the history does not match the directory, or a migration fails (it is rolled back)
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  const { schema, patience = defaultPatience, log } = options;
  const migrations = await readMigrations(options.directory);
  return withClient(options, async (client) => {
    await inTurn(client, { schema, patience }, () => prepare(client, schema));
    const applied: string[] = [];
    let end = performance.now() + patience;
    for (let busy = 0; ;) {
      try {
        const name = await inTurn(client, { schema, patience }, () => applyNext(client, options, migrations));
        if (name === undefined) break;
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
    const { newer } = await compare(client, options, migrations);
    if (newer.length > 0) warnOfNewer(log, schema, newer);
    else await inTurn(client, { schema, patience }, () => recordOldestReleases(client, schema, migrations));
    return { applied };
  });
}

/**
 * Checks that a database has all migrations, without changes, and that its user may use the tables. With migrations of a
 * newer release that works with this one, it warns.
 * @throws MigrationError if migrations or rights are missing, or the history does not match the directory
 */
export async function assertMigrated(options: MigrateOptions): Promise<void> {
  const { schema, log } = options;
  const { pending, newer, problems } = await migrationStatus(options);
  refuse(schema, problems);
  if (pending.length > 0) {
    throw new MigrationError(
      `the database lacks migrations of ${schema}: ${pending.join(', ')}. SIGNET_MIGRATE is off, so apply them with a ` +
        'database user who may: npm run signet -- db migrate',
    );
  }
  const denied = await withClient(options, (client) => withoutRights(client, schema));
  if (denied.length > 0) {
    throw new MigrationError(
      `the database user lacks rights to ${denied.join(', ')} of ${schema}. Run with the owner of the schema: ` +
        'npm run signet -- db migrate --grant-to <user>',
    );
  }
  if (newer.length > 0) warnOfNewer(log, schema, newer);
}

/** Returns what migrate() would do, without changes. */
export async function migrationStatus(
  options: Omit<MigrateOptions, 'log'>,
): Promise<{ applied: string[]; pending: string[]; newer: string[]; problems: string[] }> {
  const migrations = await readMigrations(options.directory);
  return withClient(options, async (client) => {
    const { applied, pending, newer, problems } = await compare(client, options, migrations);
    return {
      applied: [...applied],
      pending: pending.map(({ name }) => name),
      newer: [...newer],
      problems: [...problems],
    };
  });
}

function warnOfNewer(log: Log, schema: string, migrations: readonly string[]): void {
  log.warn(
    { schema, migrations },
    'this code is older than the database, but the migrations of the newer release work with it',
  );
}

function refuse(schema: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new MigrationError(`migrations of ${schema}:\n  ${problems.join('\n  ')}`);
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
  // Checked first: ALTER TABLE locks the table, also if the column exists.
  const column = await client.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'oldest_release'`,
    [`${name}._prisma_migrations`],
  );
  if (!column.rowCount) await client.query(`ALTER TABLE ${name}._prisma_migrations ADD COLUMN oldest_release TEXT`);
}

async function compare(
  client: Client,
  { schema, release }: Pick<MigrateOptions, 'schema' | 'release'>,
  migrations: readonly Migration[],
): Promise<Comparison> {
  const table = `${client.escapeIdentifier(schema)}._prisma_migrations`;
  const exists = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [table]);
  if (!exists.rows[0]?.found) return compareHistory(migrations, [], release);
  // Earlier releases made the table without the column.
  const { rows } = await client.query<Recorded>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished,
            logs IS NOT DISTINCT FROM $1 AS "makesIndex", to_jsonb(m) ->> 'oldest_release' AS "oldestRelease"
     FROM ${table} m WHERE rolled_back_at IS NULL ORDER BY migration_name`,
    [indexMark],
  );
  return compareHistory(migrations, rows, release);
}

/**
 * Records the oldest releases of migrations that were applied before their files had them. Others stay: an older release
 * that starts later may know less.
 */
async function recordOldestReleases(client: Client, schema: string, migrations: readonly Migration[]): Promise<void> {
  await client.query(
    `UPDATE ${client.escapeIdentifier(schema)}._prisma_migrations m SET oldest_release = file.release
     FROM unnest($1::text[], $2::text[]) AS file (name, release)
     WHERE m.migration_name = file.name AND m.oldest_release IS NULL AND file.release IS NOT NULL`,
    [migrations.map(({ name }) => name), migrations.map(({ oldestRelease }) => oldestRelease ?? null)],
  );
}

/** Applies the first pending migration, and returns its name; undefined if none is pending. */
async function applyNext(
  client: Client,
  options: MigrateOptions,
  migrations: readonly Migration[],
): Promise<string | undefined> {
  const { schema } = options;
  const { pending, problems } = await compare(client, options, migrations);
  refuse(schema, problems);
  const [next] = pending;
  if (!next) return undefined;
  try {
    await client.query(`SET LOCAL search_path = ${client.escapeIdentifier(schema)}`);
    // The index waits for older snapshots. That of the last query with parameters lasted until this statement.
    if (next.index) await applyIndex(options, next, next.index);
    else {
      await client.query(`SET LOCAL lock_timeout = ${lockWait.once}`);
      await client.query(next.sql);
    }
    await record(client, schema, next, true);
  } catch (error) {
    throw new MigrationError(`migration ${next.name} of ${schema} failed: ${explain(error, next.sql)}`, {
      cause: error,
    });
  }
  return next.name;
}

/** Makes the index of a migration on a connection without a transaction, after recording that it was started. */
async function applyIndex(options: MigrateOptions, migration: Migration, index: ConcurrentIndex): Promise<void> {
  const { schema, log } = options;
  await withClient(options, async (client) => {
    const { rows } = await client.query<{ checksum: string }>(
      `SELECT checksum FROM ${client.escapeIdentifier(schema)}._prisma_migrations
       WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL`,
      [migration.name],
    );
    const [started] = rows;
    log.warn(
      { schema, migration: migration.name, resumed: started !== undefined },
      'making an index concurrently; it waits for older transactions',
    );
    const same = started && { same: started.checksum === migration.checksum };
    await makeIndex(client, schema, index, migration.sql, same, () => record(client, schema, migration, false));
  });
}

/** Records that a migration was finished, or that the making of its index was started. */
async function record(client: Client, schema: string, migration: Migration, isFinished: boolean): Promise<void> {
  const { name, checksum, oldestRelease, index } = migration;
  await client.query(
    `WITH started AS (
       DELETE FROM ${client.escapeIdentifier(schema)}._prisma_migrations
       WHERE migration_name = $3 AND finished_at IS NULL AND rolled_back_at IS NULL
     )
     INSERT INTO ${client.escapeIdentifier(schema)}._prisma_migrations
       (id, checksum, finished_at, migration_name, started_at, applied_steps_count, logs, oldest_release)
     VALUES ($1, $2, CASE WHEN $4 THEN clock_timestamp() END, $3, now(), 1, $5, $6)`,
    [randomUUID(), checksum, name, isFinished, index ? indexMark : null, oldestRelease ?? null],
  );
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
