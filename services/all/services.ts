import type { Environment, Keys } from '#kit/config/config.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { keys as authKeys } from '../auth/config.ts';
import { keys as edgeKeys } from '../edge/config.ts';
import { keys as userKeys } from '../user/config.ts';
import { keys as allKeys } from './config.ts';

/** Every service and its keys, in the order of starting: who is called by others comes before them. */
export const services = { auth: authKeys, user: userKeys, edge: edgeKeys } as const satisfies Record<string, Keys>;

/** The name of a service. */
export type ServiceName = keyof typeof services;

/** The names of all services, in the order of starting. */
export const serviceNames = Object.keys(services) as ServiceName[];

/** Keys of ours in an environment that neither a service nor the command line (docs/cli.md) has: misspelt, most likely. */
export function unknownKeys(environment: Environment): string[] {
  const known = new Set(
    [allKeys, ...Object.values(services)].flatMap((keys) => Object.values(keys).map(({ env }) => env)),
  );
  return Object.keys(environment).filter((name) => /^SIGNET_(?!CLI_|URL$)/.test(name) && !known.has(name));
}

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
