import path from 'node:path';
import { ConfigError, type Environment, readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { isGiven } from '#kit/config/secret-file.ts';
import { readKeyPair } from '#kit/door/certificate.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { ensureServiceRoles } from '#kit/db/service-roles.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { createProgress } from '#kit/process/progress.ts';
import { type Closing } from '#kit/process/run.ts';
import { inDataDirectory } from '#kit/process/start-error.ts';
import { processLog } from '#kit/service/process-log.ts';
import { envName } from '#kit/service/service.ts';
import { servicesWithData } from '../registry.ts';
import { type AllConfig, keys } from './config.ts';
import { masterKeyOf } from './master-key-file.ts';
import { unknownKeys, withHttpsIssuer, withOwnDatabase } from './environment.ts';
import { assertAllConnections, assertAllDatabases, migrateAll, type SomeConfigs } from './migrate.ts';

/** Environment and configuration of services that run on one machine. */
export interface Prepared<C> {
  readonly config: AllConfig;
  /** Configurations of the services, including the database and the master key. */
  readonly configs: C;
  /** The environment from which `configs` was read. */
  readonly environment: Environment;
  readonly log: Log;
  /** Reports the progress of further steps. */
  readonly step: ReturnType<typeof createProgress>;
}

/**
 * Prepares services that run on one machine: locks the data directory, reads or
 * generates the master key, starts the database and applies its migrations.
 * Reports progress. Validates the configuration before anything starts.
 * @param read reads the configurations of the services; throws ConfigError naming all invalid keys
 */
export async function prepare<C extends SomeConfigs>(
  closing: Closing,
  read: (environment: Environment) => C,
): Promise<Prepared<C>> {
  const given = withHttpsIssuer(readEnvironment());
  if (isGiven('DATABASE_DIRECT_URL', given) && !isGiven('DATABASE_URL', given)) {
    throw new ConfigError('DATABASE_DIRECT_URL is set without DATABASE_URL, which it belongs to');
  }
  // Placeholders for values that are generated below.
  read({
    ...given,
    ...(!isGiven('DATABASE_URL', given) && { DATABASE_URL: 'postgres://embedded' }),
    ...(!isGiven('SIGNET_MASTER_KEY', given) && { SIGNET_MASTER_KEY: Buffer.alloc(32).toString('base64') }),
  });
  const config = readConfig(keys, given);
  readKeyPair(config);
  const log = processLog(config);
  const dataDir = path.resolve(config.dataDir);
  for (const name of unknownKeys(given)) {
    process.stderr.write(`signet: unknown configuration key ${name} (ignored); see docs/configuration.md\n`);
  }
  const step = createProgress();

  const lock = await inDataDirectory(dataDir, () => lockDataDir(dataDir));
  closing.add(() => lock.release());
  const masterKey = isGiven('SIGNET_MASTER_KEY', given)
    ? {}
    : { SIGNET_MASTER_KEY: await inDataDirectory(dataDir, () => masterKeyOf(dataDir)) };
  const database = await step(
    'database',
    async () => {
      if (config.databaseUrl) return { urls: {}, summary: describeDatabases(given) };
      const server = await inDataDirectory(dataDir, () => startEmbedded({ dataDir, log }));
      closing.add(() => server.stop(), server.interrupt);
      const urls = await ownUrls(server.url(), given);
      return { urls, summary: server.reused ? 'PostgreSQL, already running' : 'PostgreSQL' };
    },
    ({ summary }) => summary,
  );

  const environment = {
    ...given,
    ...database.urls,
    ...masterKey,
  };
  const configs = read(environment);
  await assertAllDatabases(configs, environment);
  await step(
    'migrations',
    () => migrateAll(configs, environment, log),
    (applied) => (applied.length > 0 ? `${applied.length} applied` : 'up to date'),
  );
  await assertAllConnections(configs);
  return { config, configs, environment, log, step };
}

/** Describes the configured databases: which services share the role of DATABASE_URL, and which have a separate database. */
function describeDatabases(given: Environment): string {
  const own = withOwnDatabase(given);
  const shared = servicesWithData.map(({ name }) => name).filter((name) => !own.includes(name));
  const text = shared.length > 1 ? `from DATABASE_URL; ${shared.join(', ')} share its role` : 'from DATABASE_URL';
  return own.length > 0 ? `${text}; separate database for ${own.join(', ')}` : text;
}

/**
 * Creates one role per service in the embedded PostgreSQL. Returns the <NAME>_DATABASE_URL variables, except those of
 * services that are configured with a database elsewhere.
 */
async function ownUrls(superuser: Secret, given: Environment): Promise<Record<string, string>> {
  const elsewhere = withOwnDatabase(given);
  const here = servicesWithData.map(({ name }) => name).filter((name) => !elsewhere.includes(name));
  const urls = await ensureServiceRoles(superuser, here);
  return Object.fromEntries([...urls].map(([name, url]) => [`${envName(name)}_DATABASE_URL`, url.reveal()]));
}
