import { assertConnections } from '#kit/db/connections.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Configurations by service; some have a database. */
export type SomeConfigs = Readonly<
  Record<string, { readonly host: string; readonly databaseUrl?: Secret; readonly databasePool?: number }>
>;

/** Checks that PostgreSQL allows the connections of all services. @throws StartError otherwise */
export function assertAllConnections(configs: SomeConfigs): Promise<void> {
  return assertConnections(
    Object.values(configs).flatMap(({ databaseUrl: url, databasePool: pool }) => (url && pool ? [{ url, pool }] : [])),
  );
}

/** Applies the pending migrations of every service with a database. Returns their names. */
export async function migrateAll(configs: SomeConfigs, log: Log): Promise<string[]> {
  const done: string[] = [];
  for (const [service, { databaseUrl }] of Object.entries(configs)) {
    if (!databaseUrl) continue;
    const { applied } = await migrate({ url: databaseUrl, ...migrationsOf(service), log });
    done.push(...applied.map((name) => `${service}/${name}`));
  }
  return done;
}
