import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Statements } from '#kit/store/statements.ts';
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
    const { statements, close } = openDatabase({ url, applicationName: 'signet-cli', log: silentLog, max: 1 });
    opened.set(service, { db: statements, close });
    return statements;
  }
  try {
    return await use(of);
  } finally {
    await Promise.all([...opened.values()].map(({ close }) => close()));
  }
}
