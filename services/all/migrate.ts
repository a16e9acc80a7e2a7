import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Configurations, by service, of which some have a database. */
export type SomeConfigs = Readonly<Record<string, { readonly host: string; readonly databaseUrl?: Secret }>>;

/** Brings the database of every service that has one up to date; answers what was applied. */
export async function migrateAll(configs: SomeConfigs, log: Log): Promise<string[]> {
  const done: string[] = [];
  for (const [service, { databaseUrl }] of Object.entries(configs)) {
    if (!databaseUrl) continue;
    const { applied } = await migrate({ url: databaseUrl, ...migrationsOf(service), log });
    done.push(...applied.map((name) => `${service}/${name}`));
  }
  return done;
}
