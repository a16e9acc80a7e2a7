import { DatabaseError } from 'pg';
import type { Environment } from '#kit/config/config.ts';
import { assertDatabase, type DatabaseToCheck } from '#kit/db/assert-database.ts';
import { connectionNeeds, type DatabaseConfig, directUrl } from '#kit/db/configured.ts';
import { assertConnections } from '#kit/db/connections.ts';
import { assertMigrated, migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Log } from '#kit/log/log.ts';
import { StartError } from '#kit/process/start-error.ts';
import { databaseVariables } from './registry.ts';

/**
 * Prepares the database of a service that runs in its own process: checks it and applies the pending migrations, or checks
 * that there are none.
 * @param environment the environment of the process
 * @throws StartError naming what is wrong and the key that corrects it
 * @throws MigrationError if the history does not match the code, or a migration fails
 */
export async function prepareDatabase(
  service: string,
  config: DatabaseConfig,
  environment: Environment,
  log: Log,
): Promise<void> {
  await assertDatabase(databaseToCheck(service, config, environment));
  await migrateOwn(service, config, environment, log);
  await assertConnections([connectionNeeds(config)]);
}

/**
 * Applies the pending migrations of a service, and returns their names. With SIGNET_MIGRATE=off it only checks that the
 * database has all.
 * @throws StartError if the service's database user may not read them
 * @throws MigrationError if migrations are missing, fail, or do not match the code
 */
export async function migrateOwn(
  service: string,
  config: DatabaseConfig,
  environment: Environment,
  log: Log,
): Promise<readonly string[]> {
  const options = { url: directUrl(config), ...migrationsOf(service), log };
  if (config.migrate) return (await migrate(options)).applied;
  try {
    await assertMigrated(options);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
    const { url } = databaseVariables(service, environment);
    throw new StartError(
      `the user of ${url} may not use the schema "${service}" (${error.message}). Run with the owner of the schema: ` +
        'npm run signet -- db migrate --grant-to <user>',
      { cause: error },
    );
  }
  return [];
}

/** Returns what to check of a service's database, with the names of the variables that set it. */
export function databaseToCheck(service: string, config: DatabaseConfig, environment: Environment): DatabaseToCheck {
  const names = databaseVariables(service, environment);
  return {
    key: names.url,
    url: config.databaseUrl,
    direct: { key: names.direct, url: config.databaseDirectUrl },
    prepared: config.databasePrepared,
  };
}
