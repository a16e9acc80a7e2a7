import { PgBoss } from 'pg-boss';
import { connectTo } from '#kit/db/database.ts';
import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { Secret } from '#kit/log/secret.ts';
import { bossConnection } from './boss-connection.ts';
import { deadOf } from './queue.ts';

/** A job that has failed for good. */
export interface DeadJob {
  readonly id: string;
  readonly data: unknown;
  readonly createdAt: Date;
  /** The message of its last error. */
  readonly error: string;
}

/** The dead jobs of a service, by queue. */
export interface DeadJobs {
  /** The names of the service's queues, ascending. */
  readonly queues: readonly string[];
  /** Dead jobs of a queue, oldest first, at most 1,000. */
  dead(queue: string): Promise<readonly DeadJob[]>;
  /** Queues the dead jobs of a queue again, at most 1,000. Returns how many. */
  replay(queue: string): Promise<number>;
  close(): Promise<void>;
}

const limit = 1_000;

/** Lists the dead jobs of a queue, oldest first, at most 1,000. */
export async function listDead(boss: PgBoss, queue: string): Promise<readonly DeadJob[]> {
  const found = await boss.findJobs(deadOf(queue), { limit });
  return found.map(({ id, data, sourceCreatedOn, createdOn, sourceOutput }) => ({
    id,
    data,
    createdAt: sourceCreatedOn ?? createdOn,
    error: messageOf(sourceOutput),
  }));
}

/** Queues the dead jobs of a queue again, oldest first, at most 1,000. Returns how many. */
export function replayDead(boss: PgBoss, queue: string): Promise<number> {
  return boss.redrive(deadOf(queue), { destination: queue, limit });
}

/**
 * Opens the dead jobs of a service for an operator. It runs no job.
 * @returns undefined if the service has never opened its jobs
 */
export async function openDeadJobs(url: Secret, service: string): Promise<DeadJobs | undefined> {
  if (!(await hasJobs(url, service))) return undefined;
  const boss = new PgBoss({
    ...bossConnection(url),
    application_name: 'signet-cli',
    schema: jobsSchemaOf(service),
    max: 1,
    supervise: false,
    schedule: false,
    migrate: false,
    createSchema: false,
  });
  boss.on('error', () => undefined);
  await boss.start();
  const names = (await boss.getQueues()).map(({ name }) => name);
  return {
    queues: names.filter((name) => names.includes(deadOf(name))).toSorted(),
    dead: (queue) => listDead(boss, queue),
    replay: (queue) => replayDead(boss, queue),
    close: () => boss.stop({ close: true, graceful: false }),
  };
}

async function hasJobs(url: Secret, service: string): Promise<boolean> {
  const client = await connectTo(url);
  try {
    const { rows } = await client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
      `${jobsSchemaOf(service)}.job`,
    ]);
    return rows[0]?.found != null;
  } finally {
    await client.end();
  }
}

/** The message of the error that a job failed with, as pg-boss stores it. */
function messageOf(output: object | null): string {
  return output && 'message' in output ? String(output.message) : JSON.stringify(output);
}
