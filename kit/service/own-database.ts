import type { Environment } from '#kit/config/config.ts';
import { assertDatabase, type DatabaseToCheck } from '#kit/db/assert-database.ts';
import { connectionNeeds, type DatabaseConfig, directUrl } from '#kit/db/configured.ts';
import { assertConnections } from '#kit/db/connections.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Log } from '#kit/log/log.ts';
import { databaseVariables } from './registry.ts';

/**
 * Prepares the database of a service that runs in its own process: checks it and applies the pending migrations.
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
  await migrate({ url: directUrl(config), ...migrationsOf(service), log });
  await assertConnections([connectionNeeds(config)]);
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
