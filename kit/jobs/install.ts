import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { Secret } from '#kit/log/secret.ts';
import { bossConnection } from './boss-connection.ts';

/** Interval in which pg-boss retries an index that was not made, s; its minimum. */
const retrySeconds = 10;

/** Pause between looks at the indexes that are left, ms. */
const pause = 100;

/**
 * Creates or updates the schema of a service's jobs, without opening them. Returns when the indexes are made, too, which
 * pg-boss makes concurrently after its migrations.
 * @throws Error if an index cannot be made
 */
export async function installJobs(url: Secret, service: string): Promise<void> {
  const boss = new PgBoss({
    ...bossConnection(url),
    application_name: 'signet-migrate',
    schema: jobsSchemaOf(service),
    // One makes an index while the other looks for the end.
    max: 2,
    supervise: false,
    schedule: false,
    bamIntervalSeconds: retrySeconds,
  });
  // A failed statement also rejects below.
  boss.on('error', () => undefined);
  const failures: string[] = [];
  boss.on('bam', ({ name, error, status }) => {
    if (status === 'failed') failures.push(`${name}: ${error}`);
  });
  try {
    await boss.start();
    while ((await boss.getBamStatus()).some(({ status }) => status !== 'completed')) {
      if (failures.length > 0)
        throw new Error(`indexes of the jobs of ${service} were not made: ${failures.join('; ')}`);
      await sleep(pause);
    }
  } finally {
    await boss.stop({ close: true, graceful: false });
  }
}
