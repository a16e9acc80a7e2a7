import type { QueryResultRow } from 'pg';
import { openDatabase } from '#kit/db/database.ts';
import type { Statements } from '#kit/events/tables.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Cli } from './cli.ts';
import { databaseOf } from './commands/db.ts';

/** Runs a function on the databases of services, each opened once, and closes them. */
export async function withDatabases<T>(
  { environment }: Pick<Cli, 'environment'>,
  use: (of: (service: string) => Statements) => Promise<T>,
): Promise<T> {
  const opened = new Map<string, { readonly db: Statements; readonly close: () => Promise<void> }>();
  function of(service: string): Statements {
    const known = opened.get(service);
    if (known) return known.db;
    const { url } = databaseOf(service, environment);
    const { pool, close } = openDatabase({ url, applicationName: 'signet-cli', log: silentLog, max: 1 });
    const db: Statements = {
      $executeRaw: async ({ text, values }) => (await pool.query(text, values)).rowCount ?? 0,
      $queryRaw: async <Rows>({ text, values }: { readonly text: string; readonly values: unknown[] }) =>
        (await pool.query<QueryResultRow>(text, values)).rows as Rows,
    };
    opened.set(service, { db, close });
    return db;
  }
  try {
    return await use(of);
  } finally {
    await Promise.all([...opened.values()].map(({ close }) => close()));
  }
}
