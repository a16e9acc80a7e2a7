// node kit/jobs/testing/stuck-worker.ts: takes a job of the queue "greet" in the database of DATABASE_URL, prints its id, and
// never finishes it.
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { openJobs } from '../jobs.ts';

const url = new Secret(process.env['DATABASE_URL'] ?? '');
const jobs = await openJobs<{ greet: { name: string } }>(
  { database: { databaseUrl: url }, service: 'user', log: silentLog, metrics: noMetrics },
  { greet: { retries: 2, delay: 1, maxDelay: 1, timeout: 30 } },
);
await jobs.run('greet', 1, ({ id }) => {
  process.stdout.write(`${id}\n`);
  return new Promise(() => undefined);
});
