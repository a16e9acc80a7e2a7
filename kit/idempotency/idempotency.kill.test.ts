import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import { contextOf, type KeyDatabase, method, openKeyDatabase, requestOf } from './testing/rig.ts';

const lease = 2_000;
let shop: KeyDatabase;
beforeAll(async () => {
  shop = await openKeyDatabase(lease);
});
afterAll(() => shop.close());

const program = fileURLToPath(new URL('testing/killed-process.ts', import.meta.url));

/** Starts a process that runs the request and does not answer. Resolves once the process has created the resource. */
async function startRun(userId: string) {
  const env = { ...childEnvironment, DATABASE_URL: shop.url.reveal(), USER_ID: userId, LEASE: String(lease) };
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [id] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, id: id.toString().trim() };
}

test('when the process of the first request is killed, one of 50 waiting requests continues with its resource', async () => {
  const userId = randomUUID();
  const { child, id } = await startRun(userId);
  const runs: string[] = [];
  const waiting = Array.from({ length: 50 }, () =>
    shop.keys.once(method, requestOf('order'), contextOf(userId, 'k'), async (resourceId) => {
      runs.push(resourceId);
      const { rowCount } = await shop.pool.query('INSERT INTO shop.made (id) VALUES ($1) ON CONFLICT DO NOTHING', [
        resourceId,
      ]);
      return { text: rowCount === 0 ? 'continued' : 'created' };
    }),
  );
  // Beyond the lease: the process renews it while it lives.
  await setTimeout(lease * 1.5);
  expect(runs).toEqual([]);
  child.kill('SIGKILL');
  const answers = await Promise.all(waiting);
  expect(runs).toEqual([id]);
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['continued']));
  const { rows } = await shop.pool.query('SELECT id FROM shop.made');
  expect(rows).toEqual([{ id }]);
});

test('when a process is paused beyond its lease, another one takes over, and both give the same answer', async () => {
  const userId = randomUUID();
  const keys = shop.keys;
  const gate = Promise.withResolvers<void>();
  const runs: string[] = [];
  const first = keys.once(method, requestOf('order'), contextOf(userId, 'k'), async (id) => {
    runs.push(id);
    await gate.promise;
    return { text: 'of the first' };
  });
  await expect.poll(() => runs.length).toBe(1);
  // As if the process had not run for longer than the lease.
  await shop.pool.query('UPDATE shop.idempotency_keys SET leased_until = now() WHERE user_id = $1', [userId]);
  const second = await keys.once(method, requestOf('order'), contextOf(userId, 'k'), async (id) => {
    runs.push(id);
    return { text: 'of the second' };
  });
  gate.resolve();
  expect(await first).toEqual(second);
  expect(second.text).toBe('of the second');
  expect(new Set(runs).size).toBe(1);
});

test('a run that lost its lease and fails does not free the key', async () => {
  const userId = randomUUID();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  let runs = 0;
  const ask = (act: () => Promise<{ text: string }>) =>
    shop.keys.once(method, requestOf('order'), contextOf(userId, 'k'), () => {
      runs += 1;
      return act();
    });
  const first = ask(async () => {
    await gates[0].promise;
    throw new Error('late');
  });
  const failed = first.then(
    ({ text }) => text,
    (error: Error) => error.message,
  );
  await expect.poll(() => runs).toBe(1);
  await shop.pool.query('UPDATE shop.idempotency_keys SET leased_until = now() WHERE user_id = $1', [userId]);
  const second = ask(async () => {
    await gates[1].promise;
    return { text: 'of the second' };
  });
  await expect.poll(() => runs).toBe(2);
  gates[0].resolve();
  expect(await failed).toBe('late');
  const third = ask(async () => ({ text: 'of the third' }));
  await setTimeout(200);
  expect(runs).toBe(2);
  gates[1].resolve();
  expect([(await second).text, (await third).text]).toEqual(['of the second', 'of the second']);
});
