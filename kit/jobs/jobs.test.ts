import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { connection } from '#kit/db/database.ts';
import { createLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Jobs, openJobs, PermanentFailure } from './jobs.ts';
import type { QueuePolicy } from './queue.ts';

type Queues = { greet: { readonly name: string } };

const quick: QueuePolicy = { retries: 2, delay: 1, maxDelay: 1, timeout: 30 };

const worker = fileURLToPath(new URL('testing/stuck-worker.ts', import.meta.url));

let database: FreshDatabase;
let prisma: PrismaClient;
let lines: string[];
const open: Jobs<Queues>[] = [];
beforeEach(async () => {
  database = await freshDatabase();
  prisma = new PrismaClient({ adapter: new PrismaPg(connection(database.url)) });
  lines = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((jobs) => jobs.close()));
  await prisma.$disconnect();
  await database.drop();
});

async function openOne(policy: Partial<QueuePolicy> = {}): Promise<Jobs<Queues>> {
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const jobs = await openJobs<Queues>(
    { database: { databaseUrl: database.url }, service: 'user', log, metrics: noMetrics },
    { greet: { ...quick, ...policy } },
  );
  open.push(jobs);
  return jobs;
}

test('a job exists if and only if the transaction that added it commits', async () => {
  const jobs = await openOne();
  const greeted: string[] = [];
  await jobs.run('greet', 1, async ({ data }) => void greeted.push(data.name));
  await expect(
    prisma.$transaction(async (tx) => {
      await jobs.send(tx, 'greet', { name: 'rolled back' });
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  await prisma.$transaction((tx) => jobs.send(tx, 'greet', { name: 'committed' }));
  await expect.poll(() => greeted).toEqual(['committed']);
});

test('fifty jobs run once each with two replicas, without a wait for the next poll', async () => {
  const replicas = [await openOne(), await openOne()];
  const greeted: string[] = [];
  for (const jobs of replicas) await jobs.run('greet', 2, async ({ data }) => void greeted.push(data.name));
  const names = Array.from({ length: 50 }, (_, index) => `number ${index}`);
  const began = performance.now();
  await Promise.all(names.map((name) => replicas[0]!.send(prisma, 'greet', { name })));
  await expect.poll(() => greeted.length, { interval: 20 }).toBe(50);
  expect(greeted.toSorted()).toEqual(names.toSorted());
  // At one poll per job and worker it takes 12 s and more.
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('while a job with a key is queued, no second one is added', async () => {
  const jobs = await openOne({ keyed: true });
  const after = new Date(Date.now() + 60_000);
  expect(await jobs.send(prisma, 'greet', { name: 'a' }, { key: 'k', after })).toEqual(expect.any(String));
  expect(await jobs.send(prisma, 'greet', { name: 'b' }, { key: 'k', after })).toBeUndefined();
  expect(await jobs.send(prisma, 'greet', { name: 'c' }, { key: 'other', after })).toEqual(expect.any(String));
  await expect(jobs.send(prisma, 'greet', { name: 'd' })).rejects.toThrow('is keyed');
});

test('a second job with the id of another is not added', async () => {
  const jobs = await openOne();
  const options = { id: crypto.randomUUID(), after: new Date(Date.now() + 60_000) };
  expect(await jobs.send(prisma, 'greet', { name: 'a' }, options)).toBe(options.id);
  expect(await jobs.send(prisma, 'greet', { name: 'b' }, options)).toBeUndefined();
  await expect(jobs.send(prisma, 'greet', { name: 'c' }, { key: 'k' })).rejects.toThrow('is not keyed');
});

test('a failed job is retried, is dead after the last retry, and can be replayed', async () => {
  const jobs = await openOne({ retries: 1 });
  const attempts: number[] = [];
  let works = false;
  await jobs.run('greet', 1, async ({ attempt }) => {
    attempts.push(attempt);
    if (!works) throw new Error('not yet');
  });
  await jobs.send(prisma, 'greet', { name: 'ada' });
  await expect
    .poll(() => jobs.dead('greet'), { interval: 200 })
    .toMatchObject([{ data: { name: 'ada' }, error: 'not yet' }]);
  expect(attempts).toEqual([0, 1]);
  works = true;
  expect(await jobs.replay('greet')).toBe(1);
  await expect.poll(() => attempts.length).toBe(3);
  expect(await jobs.dead('greet')).toEqual([]);
  const messages = lines.map((line) => JSON.parse(line).msg as string);
  expect(messages).toEqual(['a job failed; it is retried', 'jobs succeed again']);
});

test('a job that fails for good is dead at once, and can be replayed', async () => {
  const jobs = await openOne({ retries: 5 });
  const attempts: number[] = [];
  await jobs.run('greet', 1, async ({ attempt }) => {
    attempts.push(attempt);
    throw new PermanentFailure('no such user');
  });
  await jobs.send(prisma, 'greet', { name: 'ada' });
  const dead = () => jobs.dead('greet');
  await expect.poll(dead, { interval: 200 }).toMatchObject([{ error: 'no such user' }]);
  expect(attempts).toEqual([0]);
  expect(await jobs.replay('greet')).toBe(1);
  await expect.poll(() => attempts.length).toBe(2);
  await expect.poll(dead, { interval: 200 }).toHaveLength(1);
  expect(lines.map((line) => JSON.parse(line).msg as string)).toContain('a job is dead; it is not retried');
});

test('the job of a killed worker runs again', async () => {
  const jobs = await openOne();
  const id = await jobs.send(prisma, 'greet', { name: 'ada' });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', worker], {
    env: { ...childEnvironment, DATABASE_URL: database.url.reveal() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [taken] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  expect(taken.toString().trim()).toBe(id);
  const again = Promise.withResolvers<unknown>();
  await jobs.run('greet', 1, async (job) => again.resolve([job.id, job.attempt]));
  expect(await again.promise).toEqual([id, 1]);
});

test('closing waits for the running job', async () => {
  const jobs = await openOne();
  const began = Promise.withResolvers<void>();
  let isDone = false;
  await jobs.run('greet', 1, async () => {
    began.resolve();
    await delay(500);
    isDone = true;
  });
  await jobs.send(prisma, 'greet', { name: 'ada' });
  await began.promise;
  await jobs.close();
  open.splice(open.indexOf(jobs), 1);
  expect(isDone).toBe(true);
});

test('a process holds two connections', async () => {
  const jobs = await openOne();
  await jobs.run('greet', 4, async () => undefined);
  await Promise.all(Array.from({ length: 20 }, () => jobs.send(prisma, 'greet', { name: 'ada' })));
  const client = new Client(connection(database.url));
  await client.connect();
  const { rows } = await client.query(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%jobs%'`,
  );
  await client.end();
  expect(rows[0].n).toBeLessThanOrEqual(2);
});

test.each<[string, Partial<QueuePolicy>, string]>([
  ['a negative number of retries', { retries: -1 }, 'retries must be'],
  ['a delay above the maximum', { delay: 2 }, 'at most maxDelay'],
  ['a timeout below 30 s', { timeout: 29 }, 'at least 30 s'],
])('rejects a policy with %s', async (_, policy, fault) => {
  await expect(openOne(policy)).rejects.toThrow(fault);
});
