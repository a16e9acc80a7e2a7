import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import { serveGrpc } from '#kit/transport/grpc-server.ts';
import { openEventDatabase, openProducer } from './testing/rig.ts';

const program = fileURLToPath(new URL('testing/follower-process.ts', import.meta.url));

/** How often consumers are killed. */
const kills = 8;

test('whatever kills a consumer, and whenever: each event takes effect once, in order', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`follow.kill: seed ${seed}`);
  const random = randomFrom(seed);
  const events = await openEventDatabase();
  const producer = await openProducer(events);
  const server = await serveGrpc(producer.app, { port: 0, host: '127.0.0.1' });
  const env = {
    ...childEnvironment,
    DATABASE_URL: events.fresh.url.reveal(),
    TARGET: `127.0.0.1:${server.port}`,
    TOKEN: await producer.token('user'),
  };
  const spawnFollower = () => spawn(process.execPath, [program], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const count = async () =>
    Number((await events.rows<{ count: string }>('SELECT count(*) AS count FROM "user".effects'))[0]?.count);
  const over = new AbortController();
  let told = 0;
  const telling = (async () => {
    while (!over.signal.aborted) {
      await events.tell(`${told++}`);
      await setTimeout(random() * 4);
    }
  })();
  let children: ChildProcess[] = [];
  try {
    children = [spawnFollower(), spawnFollower()];
    for (let kill = 0; kill < kills; kill++) {
      const before = await count();
      // Once it works, and then at any moment of its work.
      await expect.poll(count, { interval: 5 }).toBeGreaterThan(before);
      await setTimeout(random() * 60);
      const victim = children.shift();
      victim?.kill('SIGKILL');
      if (victim) await once(victim, 'exit');
      children.push(spawnFollower());
    }
    over.abort();
    await telling;
    await expect.poll(count, { interval: 20 }).toBe(told);
  } finally {
    over.abort();
    for (const child of children) child.kill('SIGKILL');
  }
  const rows = await events.rows<{ at: string }>('SELECT at FROM "user".effects ORDER BY place');
  const expected = Array.from({ length: told }, (_, place) => place + 1);
  expect(
    rows.map(({ at }) => Number(at)),
    `seed ${seed}`,
  ).toEqual(expected);
  await server.close(0);
  await producer.close();
  await events.close();
});

/** Numbers from 0 to 1 by a seed, so that a failure can be had again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
