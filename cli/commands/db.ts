import { type Command, InvalidArgumentError } from 'commander';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '#kit/config/config.ts';
import { openDatabase } from '#kit/db/database.ts';
import { runningServer } from '#kit/db/embedded/running.ts';
import { giveToServiceRole } from '#kit/db/service-roles.ts';
import { migrate, migrationsOf, migrationStatus } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { environmentFor } from '#kit/service/registry.ts';
import { keys } from '../../services/all/config.ts';
import { servicesWithData } from '../../services/registry.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure, exits } from '../failures.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** `db`: shows and applies migrations. Connects to the database directly, without a server. */
export function addDb(program: Command, cli: Cli): void {
  const db = program
    .command('db')
    .description('manage the databases: DATABASE_URL or <SERVICE>_DATABASE_URL, or the one of a running npm start');

  const status = db.command('status').description('show applied and pending migrations');
  example(answering(status), 'db status').action((options: AnswerOptions) => showStatus(cli, options));

  const restored = db
    .command('restored')
    .description("make all access tokens invalid after a restore of the auth service's database to an earlier state")
    .requiredOption('--at <time>', 'the time of the restored state, RFC 3339', pastTime)
    .option('--end-sessions', 'end all sessions, too: users sign in again', false);
  example(answering(restored), 'db restored --at 2026-11-26T10:00:00Z --end-sessions').action(
    (options: RestoredOptions) => finishRestore(cli, options),
  );

  const apply = db.command('migrate').description('apply pending migrations');
  example(answering(apply), 'db migrate').action((options: AnswerOptions) => applyMigrations(cli, options));
}

async function showStatus({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const services = [];
  for (const { name: service } of servicesWithData) {
    const { url } = databaseOf(service, environment);
    services.push({ service, ...(await migrationStatus({ url, ...migrationsOf(service) })) });
  }
  if (json) output.json({ services });
  else {
    const rows = services.flatMap(({ service, applied, pending }) => [
      ...applied.map((name) => [service, name, 'applied']),
      ...pending.map((name) => [service, name, 'pending']),
    ]);
    output.table(['SERVICE', 'MIGRATION', 'STATE'], rows);
  }
  const problems = services.flatMap((one) => one.problems.map((problem) => `${one.service}: ${problem}`));
  if (problems.length > 0) throw new CommandFailure(`the database does not match the code: ${problems.join('; ')}.`);
}

interface RestoredOptions extends AnswerOptions {
  readonly at: Date;
  readonly endSessions: boolean;
}

async function finishRestore({ environment, output }: Cli, { json, at, endSessions }: RestoredOptions): Promise<void> {
  const { url } = databaseOf('auth', environment);
  const database = openDatabase({ url, applicationName: 'signet-cli', log: silentLog, max: 1 });
  try {
    // Loaded by this command only: it brings a database client.
    const { afterRestore } = await import('../../services/auth/maintenance.ts');
    const { endedSessions } = await afterRestore(database.statements, { at, endSessions });
    if (json) return output.json({ at: at.toISOString(), ended_sessions: endedSessions });
    output.line('revoked all signing keys: no earlier access token is valid, and clients continue by a refresh');
    if (endSessions) output.line(`sessions ended: ${endedSessions}; their users sign in again`);
    else output.line(`sessions that were ended after ${at.toISOString()} are live again; --end-sessions ends all`);
  } finally {
    await database.close();
  }
}

/** A time that has passed. */
function pastTime(text: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) || Number.isNaN(at.getTime()) || at.getTime() > Date.now()) {
    throw new InvalidArgumentError('It must be a time that has passed, such as 2026-11-26T10:00:00Z.');
  }
  return at;
}

async function applyMigrations({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const services = [];
  for (const { name: service } of servicesWithData) {
    const { url, isEmbedded } = databaseOf(service, environment);
    services.push({ service, ...(await migrate({ url, ...migrationsOf(service), log: silentLog })) });
    if (isEmbedded) await giveToServiceRole(url, service);
  }
  if (json) return output.json({ services });
  const applied = services.flatMap((one) => one.applied.map((name) => `applied ${one.service}/${name}`));
  for (const line of applied.length > 0 ? applied : ['up to date']) output.line(line);
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
