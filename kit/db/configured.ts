import type { Config } from '#kit/config/config.ts';
import type { databaseKeys } from '#kit/config/shared-keys.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { ConnectionNeeds } from './connections.ts';
import type { DatabaseOptions } from './database.ts';

/** The configuration of a service's database. */
export type DatabaseConfig = Config<typeof databaseKeys>;

/** Returns the options of a service's pool. With DATABASE_DIRECT_URL, DATABASE_URL may lead to a pooler in any mode. */
export function poolOptions(config: DatabaseConfig): Pick<DatabaseOptions, 'url' | 'max' | 'shared' | 'prepared'> {
  return {
    url: config.databaseUrl,
    max: config.databasePool,
    shared: config.databaseDirectUrl !== undefined,
    prepared: config.databasePrepared,
  };
}

/** The URLs of a service's database. */
export interface DatabaseUrls {
  readonly databaseUrl: Secret;
  readonly databaseDirectUrl?: Secret | undefined;
  /** Whether the service creates and updates its tables. Default: yes. */
  readonly migrate?: boolean;
}

/** Returns the URL of a service's database for notifications, jobs and migrations, which need a session of their own. */
export function directUrl({ databaseUrl, databaseDirectUrl }: DatabaseUrls): Secret {
  return databaseDirectUrl ?? databaseUrl;
}

/** Returns the connections that a service may open. */
export function connectionNeeds({ databaseUrl, databaseDirectUrl, databasePool }: DatabaseConfig): ConnectionNeeds {
  return { url: databaseUrl, direct: databaseDirectUrl, pool: databasePool };
}
