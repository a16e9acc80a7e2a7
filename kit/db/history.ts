import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A migration in a directory. */
export interface Migration {
  /** Folder name: `20261122000000_init`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hexadecimal, as in Prisma. */
  readonly checksum: string;
}

/** A row of `_prisma_migrations` that was not rolled back. */
export interface Recorded {
  readonly name: string;
  readonly checksum: string;
  /** false if Prisma's tools started the migration and did not finish it. */
  readonly finished: boolean;
}

/** Thrown if a database cannot be migrated. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** Reads the migrations of a directory in Prisma's format, in order. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  return Promise.all(
    names.map(async (name) => {
      if (!/^\d{14}_[a-z0-9_]+$/.test(name)) {
        throw new MigrationError(
          `${path.join(directory, name)}: the name of a migration must be <yyyymmddhhmmss>_<name>`,
        );
      }
      // Line endings may differ between checkouts.
      const sql = (await readFile(path.join(directory, name, 'migration.sql'), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** Result of comparing a directory's migrations with a database's history. */
export interface Comparison {
  readonly applied: readonly string[];
  readonly pending: readonly Migration[];
  /** Problems that prevent applying migrations, one sentence each. */
  readonly problems: readonly string[];
}

/** Compares a directory's migrations with a database's history. */
export function compareHistory(migrations: readonly Migration[], recorded: readonly Recorded[]): Comparison {
  const files = new Map(migrations.map((migration) => [migration.name, migration]));
  const rows = new Map(recorded.map((row) => [row.name, row]));
  const problems = recorded.flatMap((row) => {
    const file = files.get(row.name);
    if (!row.finished) return [`${row.name} was started by another tool and not finished`];
    if (!file) return [`${row.name} is in the database but not in the directory: this code is older than the database`];
    if (file.checksum !== row.checksum) return [`${row.name} was edited after it was applied`];
    return [];
  });
  return {
    applied: migrations.filter(({ name }) => rows.has(name)).map(({ name }) => name),
    pending: migrations.filter(({ name }) => !rows.has(name)),
    problems,
  };
}
