import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ConcurrentIndex, concurrentIndexOf } from './concurrent-index.ts';
import { MigrationError } from './migration-error.ts';
import { isAtLeast, ownRelease, releasePattern } from './release.ts';

/** A migration in a directory. */
export interface Migration {
  /** Folder name: `20261122000000_init`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hexadecimal, as in Prisma. */
  readonly checksum: string;
  /** The oldest release that works with the database after it; undefined: none before the one that has it. */
  readonly oldestRelease: string | undefined;
  /** The index that it makes without blocking writes, if that is what it does. */
  readonly index: ConcurrentIndex | undefined;
}

/** A row of `_prisma_migrations` that was not rolled back. */
export interface Recorded {
  readonly name: string;
  readonly checksum: string;
  /** false if the migration was started and not finished: by Prisma's tools, or an index in the making. */
  readonly finished: boolean;
  /** Whether it makes an index, outside of a transaction. */
  readonly makesIndex: boolean;
  /** As in Migration; null for none. */
  readonly oldestRelease: string | null;
}

/** The file beside a migration.sql with its oldest release. */
export const oldestReleaseFile = 'oldest-release';

/** The content of that file if no release before the migration's own works with the database after it. */
export const noRelease = 'none';

/** Reads the migrations of a directory in Prisma's format, in order. @throws MigrationError if one is invalid */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  return Promise.all(
    names.map(async (name) => {
      const folder = path.join(directory, name);
      if (!/^\d{14}_[a-z0-9_]+$/.test(name)) {
        throw new MigrationError(`${folder}: the name of a migration must be <yyyymmddhhmmss>_<name>`);
      }
      // Line endings may differ between checkouts.
      const sql = (await readFile(path.join(folder, 'migration.sql'), 'utf8')).replaceAll('\r\n', '\n');
      const checksum = createHash('sha256').update(sql).digest('hex');
      const oldestRelease = await readOldestRelease(path.join(folder, oldestReleaseFile));
      return { name, sql, checksum, oldestRelease, index: concurrentIndexOf(folder, sql) };
    }),
  );
}

/** Without the file, no earlier release is known to work. */
async function readOldestRelease(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return noRelease;
    throw error;
  });
  const release = text.trim();
  if (release === noRelease) return undefined;
  if (!releasePattern.test(release)) throw new MigrationError(`${file}: must be a release such as 1.2.0, or none`);
  return release;
}

/** Result of comparing a directory's migrations with a database's history. */
export interface Comparison {
  readonly applied: readonly string[];
  readonly pending: readonly Migration[];
  /** Migrations of newer releases, all of which work with this one. */
  readonly newer: readonly string[];
  /** Problems that prevent applying migrations, one sentence each. */
  readonly problems: readonly string[];
}

/**
 * Compares a directory's migrations with a database's history.
 * @param release the release of this code, which may be older than the database
 */
export function compareHistory(
  migrations: readonly Migration[],
  recorded: readonly Recorded[],
  release = ownRelease,
): Comparison {
  const files = new Map(migrations.map((migration) => [migration.name, migration]));
  const applied = new Set(recorded.filter(({ finished }) => finished).map(({ name }) => name));
  const pending = migrations.filter(({ name }) => !applied.has(name));
  const newer = recorded.filter(({ name }) => !files.has(name));
  const problems = recorded.flatMap((row) => {
    const file = files.get(row.name);
    if (!row.finished && !row.makesIndex) return [`${row.name} was started by another tool and not finished`];
    if (!file) return problemOfNewer(row, release);
    if (row.finished && file.checksum !== row.checksum) return [`${row.name} was edited after it was applied`];
    return [];
  });
  const [behind] = pending;
  if (behind && newer.length > 0) {
    problems.push(`${behind.name} is pending, but a newer release has migrated this database. Start that release`);
  }
  return {
    applied: migrations.filter(({ name }) => applied.has(name)).map(({ name }) => name),
    pending,
    newer: newer.map(({ name }) => name),
    problems,
  };
}

function problemOfNewer({ name, oldestRelease }: Recorded, release: string): string[] {
  if (oldestRelease !== null && isAtLeast(release, oldestRelease)) return [];
  const needed = oldestRelease === null ? 'the release that has it' : `release ${oldestRelease}`;
  return [
    `${name} is in the database but not in the directory: this code (${release}) is older than the database. ` +
      `Start ${needed} or a newer one, or restore a backup from before the migration`,
  ];
}
