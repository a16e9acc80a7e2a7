import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { natsProgram, startNats } from '#kit/testing/nats.ts';
import type { ServiceName } from '../../services/registry.ts';
import { startOwnServer } from '../own-server.ts';
import { startFleet } from '../processes.ts';

// Processes of producers and consumers are killed and paused, PostgreSQL crashes, and NATS is stopped, while users
// register. Every committed registration has its effects in two consumers once, and in the order of the log.

const services: readonly ServiceName[] = ['auth', 'user', 'notification'];
/** The faults of a run; CI sets TEST_ROUNDS to 1. */
const faults = Math.ceil(10 * Number(process.env['TEST_ROUNDS'] ?? '0.4'));

/** Numbers from 0 to 1 by a seed, so that a failure can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Lets the fleet suffer. Resolves to whether the effects are in the order of the log. */
async function suffer(withNats: boolean): Promise<boolean> {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`faults/events: seed ${seed}, ${faults} faults${withNats ? ', with NATS' : ''}`);
  const random = randomFrom(seed);
  const server = await startOwnServer();
  const pool = new Pool({ ...connection(server.url()), max: 2 });
  pool.on('error', () => undefined);
  // Servers of tests lose acknowledged commits when they crash, unless this is set.
  await pool.query('ALTER DATABASE signet SET synchronous_commit = on');
  const nats = withNats ? await startNats() : undefined;
  const fleet = await startFleet({ url: server.url() }, nats ? { NATS_URL: nats.url.reveal() } : {}, services);
  const registered: string[] = [];
  const over = new AbortController();

  async function attempt(email: string): Promise<boolean> {
    const response = await fetch(`${fleet.auth}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password: 'a password of the test', name: 'Ada' }),
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined);
    // Taken by an earlier attempt whose answer was lost.
    return response?.status === 201 || response?.status === 409;
  }

  async function register(writer: number): Promise<void> {
    for (let count = 0; !over.signal.aborted; count++) {
      const email = `u${writer}-${count}@example.com`;
      while (!(await attempt(email))) await delay(50);
      registered.push(email);
    }
  }

  async function crashDatabase(): Promise<void> {
    const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // PostgreSQL ends every other connection, recovers and goes on.
    process.kill(rows[0]!.pid, 'SIGKILL');
    await delay(200);
  }

  async function hurt(): Promise<void> {
    const victim = services[Math.floor(random() * services.length)]!;
    const kind = random();
    if (kind < 0.5) {
      await fleet.processes[victim].end('SIGKILL');
      await fleet.restart(victim);
    } else if (kind < 0.7) await fleet.processes[victim].pause(2_000);
    else if (kind < 0.85 || !nats) await crashDatabase();
    else {
      await nats.kill();
      await delay(1_000);
      await nats.start();
    }
  }

  const writing = Promise.all([register(0), register(1), register(2)]);
  try {
    for (let count = 0; count < faults; count++) {
      await delay(random() * 700);
      await hurt();
    }
    over.abort();
    await writing;
    const effects = async () => {
      const { rows } = await pool
        .query<{ profiles: number; welcomes: number }>(
          `SELECT (SELECT count(*)::int FROM "user".profiles) AS profiles,
                  (SELECT count(*)::int FROM notification.notifications WHERE kind = 'welcome') AS welcomes`,
        )
        .catch(() => ({ rows: [] }));
      return rows[0];
    };
    // The first admin has a profile and no welcome.
    await expect
      .poll(effects, { timeout: 90_000, interval: 100 })
      .toEqual({ profiles: registered.length + 1, welcomes: registered.length });
    const { rows } = await pool.query<{ is_ordered: boolean }>(
      `SELECT coalesce(bool_and(position > before), true) AS is_ordered FROM (
         SELECT e.position, lag(e.position) OVER (ORDER BY n.place) AS before
         FROM notification.notifications n JOIN auth.events e ON e.id = n.event_id WHERE n.kind = 'welcome'
       ) AS effects WHERE before IS NOT NULL`,
    );
    return rows[0]?.is_ordered === true;
  } finally {
    over.abort();
    await writing;
    await fleet.close();
    await pool.end();
    await nats?.close();
    await server.stop();
  }
}

test('under faults, every committed event takes effect once and in order', async () => {
  expect(await suffer(false)).toBe(true);
});

describeWith([natsProgram], 'with NATS', () => {
  test('under faults, every committed event takes effect once and in order', async () => {
    expect(await suffer(true)).toBe(true);
  });
});
