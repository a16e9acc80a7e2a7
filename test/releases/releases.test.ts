import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMigrations } from '#kit/db/history.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { isAtLeast } from '#kit/db/release.ts';
import { silentLog } from '#kit/log/log.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { type Columns, columnsOf, required } from '../../scripts/release/columns.ts';
import { servicesWithData } from '../../services/registry.ts';

// What former releases ask of their database (npm run release:keep), asked of today's.

interface Kept {
  readonly release: string;
  readonly migrations: Readonly<Record<string, readonly string[]>>;
  readonly columns: Columns;
  readonly statements: Readonly<Record<string, readonly string[]>>;
  /** What of it does not fit to today's database, by service: written by hand, for a release that migrations exclude. */
  readonly misfits: Readonly<Record<string, readonly string[]>>;
}

const read = (release: string, name: string) =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, release, `${name}.json`), 'utf8')) as never;
const releases: readonly Kept[] = readdirSync(import.meta.dirname, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory()
    ? [
        {
          release: entry.name.slice(1),
          migrations: read(entry.name, 'migrations'),
          columns: read(entry.name, 'columns'),
          statements: read(entry.name, 'statements'),
          misfits: read(entry.name, 'misfits'),
        },
      ]
    : [],
);

let database: FreshDatabase;
let client: Client;
let today: Columns;
beforeAll(async () => {
  database = await emptyDatabase();
  client = new Client(database.url.reveal());
  await client.connect();
  for (const { name } of servicesWithData) await migrate({ url: database.url, log: silentLog, ...migrationsOf(name) });
  today = await columnsOf(
    client,
    servicesWithData.map(({ name }) => name),
  );
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The migrations after a release that exclude it. */
async function excluding(service: string, { release, migrations }: Kept): Promise<string[]> {
  const all = await readMigrations(migrationsOf(service).directory);
  const later = all.filter(({ name }) => !migrations[service]?.includes(name));
  return later
    .filter(({ oldestRelease }) => oldestRelease === undefined || !isAtLeast(release, oldestRelease))
    .map(({ name }) => name);
}

/** What of a release does not fit to today's database: statements, and columns. */
async function misfits(service: string, { statements, columns }: Kept): Promise<string[]> {
  const found: string[] = [];
  for (const text of statements[service] ?? []) {
    // The types of parameters, as PostgreSQL infers them for the driver.
    await client.query(`PREPARE kept AS ${text}`).then(
      () => client.query('DEALLOCATE kept'),
      (error: unknown) => found.push(`${String(error)}: ${text}`),
    );
  }
  for (const [table, kept] of Object.entries(columns[service] ?? {})) {
    const now = today[service]?.[table] ?? {};
    for (const [column, type] of Object.entries(kept)) {
      if (now[column]?.replace(required, '') !== type.replace(required, '')) {
        found.push(`${table}.${column} is ${now[column] ?? 'missing'} instead of ${type}`);
      }
    }
    // An INSERT of the release does not name these.
    for (const [column, type] of Object.entries(now)) {
      const isNew = type.endsWith(required) && kept[column]?.endsWith(required) !== true;
      if (isNew) found.push(`${table}.${column} is required`);
    }
  }
  return found;
}

describe.each(releases)('v$release', (kept) => {
  test('has migrations that this tree still has', async () => {
    for (const [service, names] of Object.entries(kept.migrations)) {
      const known = (await readMigrations(migrationsOf(service).directory)).map(({ name }) => name);
      expect(known).toEqual(expect.arrayContaining([...names]));
    }
  });

  test.each(Object.keys(kept.migrations))(
    'what the %s service asks of its database fits to today’s, except what is listed, where a migration excludes the release',
    async (service) => {
      expect(kept.statements[service]?.length).toBeGreaterThan(10);
      const known = kept.misfits[service] ?? [];
      expect(await misfits(service, kept)).toEqual(known);
      const isExcluded = (await excluding(service, kept)).length > 0;
      expect(known.length === 0 || isExcluded, 'a release that no migration excludes has misfits').toBe(true);
    },
  );
});
