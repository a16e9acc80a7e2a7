import type { Environment } from '#kit/config/config.ts';
import { assertDatabase } from '#kit/db/assert-database.ts';
import { connectionNeeds, type DatabaseConfig } from '#kit/db/configured.ts';
import { assertConnections } from '#kit/db/connections.ts';
import type { Log } from '#kit/log/log.ts';
import { databaseToCheck, migrateOwn } from '#kit/service/own-database.ts';

/** Configurations by service; some have a database. */
export type SomeConfigs = Readonly<Record<string, { readonly host: string } & Partial<DatabaseConfig>>>;

/** The services that have a database. */
function withDatabase(configs: SomeConfigs): (readonly [service: string, config: DatabaseConfig])[] {
  return Object.entries(configs).flatMap(([service, config]) =>
    config.databaseUrl ? [[service, config as DatabaseConfig] as const] : [],
  );
}

/**
 * Checks the databases of all services, each once, and before a migration.
 * @param environment the variables from which the configurations were read
 * @throws StartError naming what is wrong and the key that corrects it
 */
export async function assertAllDatabases(configs: SomeConfigs, environment: Environment): Promise<void> {
  const checks = new Map(
    withDatabase(configs).map(([service, config]) => {
      const check = databaseToCheck(service, config, environment);
      return [`${check.url.reveal()} ${check.direct.url?.reveal()}`, check];
    }),
  );
  for (const check of checks.values()) await assertDatabase(check);
}

/** Checks that PostgreSQL allows the connections of all services. @throws StartError otherwise */
export function assertAllConnections(configs: SomeConfigs): Promise<void> {
  return assertConnections(withDatabase(configs).map(([, config]) => connectionNeeds(config)));
}

/** Applies the pending migrations of every service with a database, or checks that there are none. Returns their names. */
export async function migrateAll(configs: SomeConfigs, environment: Environment, log: Log): Promise<string[]> {
  const done: string[] = [];
  for (const [service, config] of withDatabase(configs)) {
    const applied = await migrateOwn(service, config, environment, log);
    done.push(...applied.map((name) => `${service}/${name}`));
  }
  return done;
}
