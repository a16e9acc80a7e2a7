import { type Command, InvalidArgumentError } from 'commander';
import { assertGrantable, grantUse } from '#kit/db/grants.ts';
import { giveToServiceRole, roleOf } from '#kit/db/service-roles.ts';
import { migrate, migrationsOf, migrationStatus } from '#kit/db/migrate.ts';
import { adoptRestored } from '#kit/events/restored.ts';
import { createLog, type Log } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { servicesWithData } from '../../services/registry.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { databaseOf, withDatabases } from '../database.ts';
import { CommandFailure, misuse } from '../failures.ts';
import type { Output } from '../output.ts';

/** `db`: shows and applies migrations. Connects to the database directly, without a server. */
export function addDb(program: Command, cli: Cli): void {
  const db = program
    .command('db')
    .description('manage the databases: DATABASE_URL or <SERVICE>_DATABASE_URL, or the one of a running npm start');

  const status = db.command('status').description('show applied and pending migrations');
  example(answering(status), 'db status').action((options: AnswerOptions) => showStatus(cli, options));

  const restored = db
    .command('restored')
    .description(
      'after a restore to an earlier state: make all access tokens invalid, and let consumers of events go on',
    )
    .requiredOption('--at <time>', 'the time of the restored state, or one shortly before it, RFC 3339', pastTime)
    .option(
      '--services <names>',
      'the services whose data was restored, with commas between them (default: all)',
      names,
    )
    .option('--end-sessions', 'end all sessions, too: users sign in again', false);
  example(answering(restored), 'db restored --at 2026-11-26T10:00:00Z --end-sessions').action(
    (options: RestoredOptions) => finishRestore(cli, options),
  );

  const apply = db
    .command('migrate')
    .description('apply pending migrations')
    .option(
      '--grant-to <role>',
      'also create what services create at start, and let this role, which exists, run services with SIGNET_MIGRATE=off; % stands for the name of each service',
    );
  example(answering(apply), 'db migrate').action((options: MigrateOptions) => applyMigrations(cli, options));
}

async function showStatus({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const services = [];
  for (const { name: service } of servicesWithData) {
    const { url } = databaseOf(service, environment);
    services.push({ service, ...(await migrationStatus({ url, ...migrationsOf(service) })) });
  }
  if (json) output.json({ services });
  else {
    const rows = services.flatMap(({ service, applied, pending, newer }) => [
      ...applied.map((name) => [service, name, 'applied']),
      ...pending.map((name) => [service, name, 'pending']),
      ...newer.map((name) => [service, name, 'newer']),
    ]);
    output.table(['SERVICE', 'MIGRATION', 'STATE'], rows);
  }
  const problems = services.flatMap((one) => one.problems.map((problem) => `${one.service}: ${problem}`));
  if (problems.length > 0) throw new CommandFailure(`the database does not match the code: ${problems.join('; ')}.`);
}

interface RestoredOptions extends AnswerOptions {
  readonly at: Date;
  readonly services?: readonly string[];
  readonly endSessions: boolean;
}

async function finishRestore(cli: Cli, { json, at, services, endSessions }: RestoredOptions): Promise<void> {
  const restored = services ?? servicesWithData.map(({ name }) => name);
  const isAuth = restored.includes('auth');
  if (endSessions && !isAuth) throw misuse('--end-sessions concerns auth, which --services leaves out.');
  const line = json ? () => undefined : cli.output.line;
  await withDatabases(cli, async (of) => {
    const ended = isAuth ? await endTokens(of('auth'), { at, endSessions }, line) : 0;
    const moved = await letConsumersGoOn(of, restored, at);
    for (const { consumer, source, from, to } of moved) {
      line(`${consumer} applies the events of ${source} behind position ${to}; it had applied those up to ${from}`);
    }
    if (json) cli.output.json({ at: at.toISOString(), ended_sessions: ended, moved });
  });
}

/** Makes what the auth service has issued invalid. Returns the number of ended sessions. */
async function endTokens(
  auth: Transactional,
  options: { readonly at: Date; readonly endSessions: boolean },
  line: (text: string) => void,
): Promise<number> {
  // Loaded by this command only: it brings a database client.
  const { afterRestore } = await import('../../services/auth/maintenance.ts');
  const { endedSessions } = await afterRestore(auth, options);
  line('revoked all signing keys: no earlier access token is valid, and clients continue by a refresh');
  if (options.endSessions) line(`sessions ended: ${endedSessions}; their users sign in again`);
  else line(`sessions that were ended after ${options.at.toISOString()} are live again; --end-sessions ends all`);
  return endedSessions;
}

/** Moves the cursors of consumers that have applied events which the logs of restored services lost. */
async function letConsumersGoOn(of: (service: string) => Transactional, restored: readonly string[], at: Date) {
  const moves = [];
  for (const { name: consumer, consumes = {} } of servicesWithData) {
    for (const source of Object.keys(consumes).filter((name) => restored.includes(name))) {
      const moved = await adoptRestored({ consumer: of(consumer), source: of(source) }, consumer, source, at);
      if (moved) moves.push({ consumer, source, from: String(moved.from), to: String(moved.to) });
    }
  }
  return moves;
}

/** Names of services with data. */
function names(text: string): readonly string[] {
  const known = servicesWithData.map(({ name }) => name);
  const given = text.split(',');
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`${unknown.join(', ')}: the services are ${known.join(', ')}.`);
  return given;
}

/** A time that has passed. */
function pastTime(text: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) || Number.isNaN(at.getTime()) || at.getTime() > Date.now()) {
    throw new InvalidArgumentError('It must be a time that has passed, such as 2026-11-26T10:00:00Z.');
  }
  return at;
}

interface MigrateOptions extends AnswerOptions {
  readonly grantTo?: string;
}

async function applyMigrations({ environment, output }: Cli, { json, grantTo }: MigrateOptions): Promise<void> {
  const log = notesLog(output);
  const targets = servicesWithData.map(({ name: service, otherSchemas = [] }) => {
    const schemas = [service, ...otherSchemas.map(({ name }) => name)];
    const { url, isEmbedded } = databaseOf(service, environment);
    const grant = grantTo === undefined ? undefined : { url, schemas, role: roleOf(service, grantTo) };
    return { service, otherSchemas, url, isEmbedded, grant };
  });
  for (const { grant } of targets) if (grant) await assertGrantable(grant);
  const services = [];
  for (const { service, otherSchemas, url, isEmbedded, grant } of targets) {
    services.push({ service, ...(await migrate({ url, ...migrationsOf(service), log })) });
    if (isEmbedded) await giveToServiceRole(url, service);
    if (grant) {
      for (const { create } of otherSchemas) await create(url);
      await grantUse(grant);
    }
  }
  if (json) return output.json({ services });
  const applied = services.flatMap((one) => one.applied.map((name) => `applied ${one.service}/${name}`));
  for (const line of applied.length > 0 ? applied : ['up to date']) output.line(line);
}

/** A log whose warnings are notes on standard error. */
function notesLog(output: Output): Log {
  return createLog({
    level: 'warn',
    format: 'json',
    destination: {
      write(line) {
        const { level: _, time: __, msg, schema, ...fields } = JSON.parse(line) as Record<string, unknown>;
        const details = Object.entries(fields).map(([name, value]) => `${name}: ${[value].flat().join(', ')}`);
        output.note(`${[schema, msg].join(': ')} (${details.join('; ')})`);
      },
    },
  });
}
