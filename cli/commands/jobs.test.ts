import { afterEach, beforeEach, expect, test } from 'vitest';
import { Pool } from 'pg';
import { connection } from '#kit/db/database.ts';
import { openJobs, PermanentFailure } from '#kit/jobs/jobs.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../testing/run.ts';

let database: FreshDatabase;
let pool: Pool;
beforeEach(async () => {
  database = await emptyDatabase();
  pool = new Pool(connection(database.url));
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

const jobs = (...args: string[]) => run(['jobs', ...args], { environment: { DATABASE_URL: database.url.reveal() } });

/** Lets one job of notification die. Returns its id. */
async function letDie(): Promise<string | undefined> {
  const opened = await openJobs<{ message: { readonly n: number } }>(
    { database: { databaseUrl: database.url }, service: 'notification', log: silentLog, metrics: noMetrics },
    { message: { retries: 1, delay: 1, maxDelay: 1, timeout: 30 } },
  );
  await opened.run('message', 1, async () => {
    throw new PermanentFailure('no such user');
  });
  const writer = {
    $queryRawUnsafe: async <T>(text: string, ...values: unknown[]) => (await pool.query(text, values)).rows as T,
  };
  await opened.send(writer, 'message', { n: 1 });
  await expect.poll(() => opened.dead('message'), { interval: 50 }).toHaveLength(1);
  const [dead] = await opened.dead('message');
  await opened.close();
  return dead?.id;
}

test('lists dead jobs, and queues them again', async () => {
  const id = await letDie();
  const { exit, stdout } = await jobs('dead');
  expect([exit, stdout]).toEqual([0, expect.stringMatching(new RegExp(`notification +message +${id} .+no such user`))]);
  expect((await jobs('dead', 'notification', '--json')).json()).toEqual({
    dead: [
      {
        service: 'notification',
        queue: 'message',
        id,
        created_at: expect.any(String),
        error: 'no such user',
        data: { n: 1 },
      },
    ],
  });
  expect((await jobs('replay', 'notification', 'message')).stdout).toBe(
    'queued 1 dead jobs of notification/message again\n',
  );
  expect((await jobs('dead', '--json')).json()).toEqual({ dead: [] });
});

test.each([
  ['an unknown service', ['dead', 'nothing'], 2, 'nothing is no service with a database'],
  ['a service without jobs', ['replay', 'user', 'message'], 1, 'user has no queue message; its queues: none'],
])('refuses %s', async (_, args, code, words) => {
  const { exit, stderr } = await jobs(...args);
  expect([exit, stderr]).toEqual([code, expect.stringContaining(words)]);
});
