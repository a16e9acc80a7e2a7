import { PgBoss } from 'pg-boss';
import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { Secret } from '#kit/log/secret.ts';
import { bossConnection } from './boss-connection.ts';

/** Creates or updates the schema of a service's jobs, without opening them. */
export async function installJobs(url: Secret, service: string): Promise<void> {
  const boss = new PgBoss({
    ...bossConnection(url),
    application_name: 'signet-migrate',
    schema: jobsSchemaOf(service),
    max: 1,
    supervise: false,
    schedule: false,
  });
  // A failed statement also rejects below.
  boss.on('error', () => undefined);
  try {
    await boss.start();
  } finally {
    await boss.stop({ close: true, graceful: false });
  }
}
