import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/**
 * Applies a service's migrations before one, as the release before it left the database. `migrateRest` applies the others.
 * @param before the name of the first migration that is not applied
 */
export async function migrateBefore(url: Secret, service: string, before: string): Promise<void> {
  const { schema, directory } = migrationsOf(service);
  const earlier = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  for (const name of await readdir(directory)) {
    if (name < before || name === 'migration_lock.toml')
      await cp(path.join(directory, name), path.join(earlier, name), { recursive: true });
  }
  await migrate({ url, schema, directory: earlier, log: silentLog });
  await rm(earlier, { recursive: true });
}

/** Applies the migrations of a service that are missing. */
export async function migrateRest(url: Secret, service: string): Promise<void> {
  await migrate({ url, ...migrationsOf(service), log: silentLog });
}
