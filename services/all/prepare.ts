import path from 'node:path';
import { type Environment, readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { ensureServiceRoles } from '#kit/db/service-roles.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { createProgress } from '#kit/process/progress.ts';
import { type Closing } from '#kit/process/run.ts';
import { processLog } from '#kit/service/process-log.ts';
import { envName } from '#kit/service/service.ts';
import { servicesWithData } from '../registry.ts';
import { type AllConfig, keys } from './config.ts';
import { masterKeyOf } from './master-key-file.ts';
import { unknownKeys, withOwnDatabase } from './environment.ts';
import { migrateAll, type SomeConfigs } from './migrate.ts';

/** What services stand on where they run on one machine, and how they are configured. */
export interface Prepared<C> {
  readonly config: AllConfig;
  /** Of the services, complete: the database and the master key among them. */
  readonly configs: C;
  /** What `configs` was read from. */
  readonly environment: Environment;
  readonly log: Log;
  /** Tells of further steps. */
  readonly step: ReturnType<typeof createProgress>;
}

/**
 * Prepares the ground for services of this machine: a data directory that is
 * ours alone, a master key, a database with its migrations applied. Says what it
 * does. Bad keys are told before anything starts.
 * @param read reads the configurations of the services; throws ConfigError naming every bad key at once
 */
export async function prepare<C extends SomeConfigs>(
  closing: Closing,
  read: (environment: Environment) => C,
): Promise<Prepared<C>> {
  const given = readEnvironment();
  // For what may be made below, something stands in.
  read({
    ...given,
    DATABASE_URL: given['DATABASE_URL'] || 'postgres://embedded',
    SIGNET_MASTER_KEY: given['SIGNET_MASTER_KEY'] || Buffer.alloc(32).toString('base64'),
  });
  const config = readConfig(keys, given);
  const log = processLog(config);
  const dataDir = path.resolve(config.dataDir);
  for (const name of unknownKeys(given)) {
    process.stderr.write(
      `signet: ${name} is not a key that anything reads; docs/configuration.md lists those that are\n`,
    );
  }
  const step = createProgress();

  const lock = lockDataDir(dataDir);
  closing.add(() => lock.release());
  const masterKey = given['SIGNET_MASTER_KEY'] || (await masterKeyOf(dataDir));
  const database = await step(
    'database',
    async () => {
      if (config.databaseUrl) return { urls: {}, said: saidOfGiven(given) };
      const server = await startEmbedded({ dataDir, log });
      closing.add(() => server.stop(), server.interrupt);
      const urls = await ownUrls(server.url(), given);
      return { urls, said: server.reused ? 'PostgreSQL, running already' : 'PostgreSQL' };
    },
    ({ said }) => said,
  );

  const environment = {
    ...given,
    ...database.urls,
    SIGNET_MASTER_KEY: masterKey,
    SIGNET_MAIL_DIR: given['SIGNET_MAIL_DIR'] || path.join(dataDir, 'mail'),
  };
  const configs = read(environment);
  await step(
    'migrations',
    () => migrateAll(configs, log),
    (applied) => (applied.length > 0 ? `${applied.length} applied` : 'up to date'),
  );
  return { config, configs, environment, log, step };
}

/** What is said of a database that was given. Whose role reaches which data is for the operator to decide, and to know. */
function saidOfGiven(given: Environment): string {
  const own = withOwnDatabase(given);
  const shared = servicesWithData.map(({ name }) => name).filter((name) => !own.includes(name));
  const text =
    shared.length > 1 ? `the one of DATABASE_URL; its role serves ${shared.join(', ')}` : 'the one of DATABASE_URL';
  return own.length > 0 ? `${text}; ${own.join(', ')} with one of its own` : text;
}

/** In our own PostgreSQL each service has its own role: the variables that say so, but for services with a database elsewhere. */
async function ownUrls(superuser: Secret, given: Environment): Promise<Record<string, string>> {
  const elsewhere = withOwnDatabase(given);
  const here = servicesWithData.map(({ name }) => name).filter((name) => !elsewhere.includes(name));
  const urls = await ensureServiceRoles(superuser, here);
  return Object.fromEntries([...urls].map(([name, url]) => [`${envName(name)}_DATABASE_URL`, url.reveal()]));
}
