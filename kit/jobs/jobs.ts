import { fromPrisma, PgBoss } from 'pg-boss';
import { outsideCalls } from '#kit/call/call.ts';
import { type DatabaseUrls, directUrl } from '#kit/db/configured.ts';
import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { Log } from '#kit/log/log.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { bossConnection } from './boss-connection.ts';
import { type DeadJob, listDead, replayDead } from './dead.ts';
import { assertJobsInstalled } from './installed.ts';
import { deadOf, type QueuePolicy, queueOptions } from './queue.ts';

/** The statements, or those of a transaction, that `send` writes with. */
export type JobWriter = Pick<Statements, '$queryRawUnsafe'>;

/** When and how often a job runs. */
export interface SendOptions {
  /** The key of the job; required in a keyed queue, and rejected in others. */
  readonly key?: string;
  /** The earliest start. */
  readonly after?: Date;
  /** UUID of the job; random by default. A second job with the same id is not added. */
  readonly id?: string;
}

/** A job that a handler works on. */
export interface RunningJob<Data> {
  readonly id: string;
  readonly data: Data;
  /** 0 in the first run. */
  readonly attempt: number;
  /** Aborts when the job's lease ends or the service closes. */
  readonly signal: AbortSignal;
}

/** An error of a handler after which the job is not retried: it is dead at once. */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
}

/** Durable jobs of a service: written in a transaction, run by any replica, retried until they succeed. */
export interface Jobs<Queues extends Readonly<Record<string, object>>> {
  /**
   * Adds a job. With a transaction client, the job exists if and only if the transaction commits.
   * @returns the job's id; undefined if the key or the id is taken
   * @throws Error on a missing key of a keyed queue, or a key in another queue
   */
  send<Queue extends keyof Queues & string>(
    writer: JobWriter,
    queue: Queue,
    data: Queues[Queue],
    options?: SendOptions,
  ): Promise<string | undefined>;
  /**
   * Starts workers for a queue. A job may run more than once (a worker that is killed after its effect): handlers are
   * idempotent. An error starts the job again later, with growing delays; after the last retry, or a PermanentFailure, the job is
   * dead.
   * @param workers jobs that this process runs at once
   */
  run<Queue extends keyof Queues & string>(
    queue: Queue,
    workers: number,
    handler: (job: RunningJob<Queues[Queue]>) => Promise<void>,
  ): Promise<void>;
  /** Jobs of a queue that failed `retries` + 1 times, or with PermanentFailure; oldest first, at most 1,000. */
  dead(queue: keyof Queues & string): Promise<readonly DeadJob[]>;
  /** Queues the dead jobs of a queue again, at most 1,000. Returns how many. */
  replay(queue: keyof Queues & string): Promise<number>;
  /** Starts no further job, waits for running ones (10 s at most) and closes the connections. */
  close(): Promise<void>;
}

/** Where jobs are kept and who hears of them. */
export interface JobsOptions {
  /** The database of the service. The jobs need a session of their own, so they use its direct URL. */
  readonly database: DatabaseUrls;
  /** The service; its jobs are in the schema `<service>_jobs`. */
  readonly service: string;
  readonly log: Log;
  readonly metrics: Pick<ServiceMetrics, 'work'>;
}

/** Connections per process: one for the queues, one that listens. */
const maxConnections = 1;

/** Interval in which lost workers and due retries are looked for, s. */
const superviseSeconds = 5;

/** Maximum wait for running jobs at close, ms. */
const drainMs = 10_000;

/**
 * Opens the jobs of a service (pg-boss). Creates or updates the queues, and the schema `<service>_jobs` unless SIGNET_MIGRATE is off.
 * @param queues the policy of each queue, by name: lower-case letters and hyphens
 * @throws StartError if SIGNET_MIGRATE is off, and the schema is missing or older than this code
 * @throws Error on an invalid queue name, or if the database is unavailable
 */
export async function openJobs<Queues extends Readonly<Record<string, object>>>(
  { database, service, log, metrics }: JobsOptions,
  queues: Readonly<Record<keyof Queues & string, QueuePolicy>>,
): Promise<Jobs<Queues>> {
  const schema = jobsSchemaOf(service);
  const url = directUrl(database);
  const mayMigrate = database.migrate ?? true;
  const isNewer = !mayMigrate && (await assertJobsInstalled(url, service)).isNewer;
  const boss = new PgBoss({
    ...bossConnection(url),
    application_name: `signet-${service}-jobs`,
    schema,
    max: maxConnections,
    // On a newer schema nothing is left to migrate, and only with this does pg-boss accept it.
    migrate: mayMigrate || isNewer,
    createSchema: mayMigrate,
    useListenNotify: true,
    schedule: false,
    superviseIntervalSeconds: superviseSeconds,
    monitorIntervalSeconds: superviseSeconds,
  });
  // A failed statement of a caller also rejects there; pg-boss retries its internal ones.
  boss.on('error', (error) => log.warn({ err: error }, 'the job queue cannot reach its database'));
  await boss.start();
  for (const [name, policy] of Object.entries<QueuePolicy>(queues)) {
    const options = queueOptions(name, policy);
    await boss.createQueue(deadOf(name), { retentionSeconds: options.retentionSeconds });
    await boss.createQueue(name, options);
    // Creating a queue that exists changes nothing.
    const { notify: _notify, policy: _policy, ...changeable } = options;
    await boss.updateQueue(name, changeable);
  }

  async function runOne(queue: string, failing: { count: number }, work: () => Promise<void>): Promise<void> {
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1_000;
    try {
      await outsideCalls(work);
      metrics.work(`job ${queue}`, 'ok', seconds());
      if (failing.count > 0) log.info({ queue }, 'jobs succeed again');
      failing.count = 0;
    } catch (error) {
      metrics.work(`job ${queue}`, 'failed', seconds());
      if (error instanceof PermanentFailure) log.warn({ err: error, queue }, 'a job is dead; it is not retried');
      else if (failing.count++ === 0) log.warn({ err: error, queue }, 'a job failed; it is retried');
      throw error;
    }
  }

  /** Lets the failure under way be the job's last one. */
  async function endRetries(queue: string, id: string): Promise<void> {
    await boss
      .getDb()
      .executeSql(`UPDATE "${schema}".job SET retry_limit = retry_count WHERE name = $1 AND id = $2`, [queue, id]);
  }

  return {
    async send(writer, queue, data, { key, after, id } = {}) {
      if ((key !== undefined) !== (queues[queue].keyed ?? false)) {
        throw new Error(`queue "${queue}" is ${key === undefined ? '' : 'not '}keyed`);
      }
      const options = {
        ...(key === undefined ? {} : { singletonKey: key }),
        ...(after === undefined ? {} : { startAfter: after }),
        ...(id === undefined ? {} : { id }),
        db: fromPrisma(writer),
      };
      return (await boss.send(queue, data, options)) ?? undefined;
    },

    async run(queue, workers, handler) {
      const failing = { count: 0 };
      // One call per worker: each must wake itself, or it sleeps until its next poll after every job.
      for (let count = 0; count < workers; count++) {
        const worker: string = await boss.work<Queues[typeof queue]>(
          queue,
          { batchSize: 1, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: superviseSeconds },
          async ([job]) => {
            if (!job) return;
            const { id, data, retryCount: attempt, signal } = job;
            try {
              await runOne(queue, failing, () => handler({ id, data, attempt, signal }));
            } catch (error) {
              if (error instanceof PermanentFailure) await endRetries(queue, id);
              throw error;
            } finally {
              boss.notifyWorker(worker);
            }
          },
        );
      }
    },

    dead: (queue) => listDead(boss, queue),
    replay: (queue) => replayDead(boss, queue),
    close: () => boss.stop({ close: true, graceful: true, timeout: drainMs }),
  };
}
