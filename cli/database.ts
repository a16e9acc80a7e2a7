import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '#kit/config/config.ts';
import { openDatabase } from '#kit/db/database.ts';
import { runningServer } from '#kit/db/embedded/running.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { environmentFor } from '#kit/service/registry.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { keys } from '../services/all/config.ts';
import type { Cli } from './cli.ts';
import { CommandFailure, exits } from './failures.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a function on the databases of services, each opened once, and closes them. */
export async function withDatabases<T>(
  { environment }: Pick<Cli, 'environment'>,
  use: (of: (service: string) => Transactional) => Promise<T>,
): Promise<T> {
  const opened = new Map<string, { readonly db: Transactional; readonly close: () => Promise<void> }>();
  function of(service: string): Transactional {
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

/** A service's database: its own URL or DATABASE_URL, or that of a running `npm start`. @throws CommandFailure if none exists */
export function databaseOf(
  service: string,
  environment: Cli['environment'],
): { readonly url: Secret; readonly isEmbedded: boolean } {
  const { databaseUrl, databaseDirectUrl, dataDir } = readConfig(keys, environmentFor(service, environment));
  if (databaseUrl) return { url: databaseDirectUrl ?? databaseUrl, isEmbedded: false };
  const folder = path.resolve(root, dataDir);
  const found = runningServer(folder);
  if (found) return { url: found, isEmbedded: true };
  throw new CommandFailure(
    `DATABASE_URL is not set, and no database is running in ${folder}. Start one with npm start, or set DATABASE_URL.`,
    exits.unreachable,
  );
}
