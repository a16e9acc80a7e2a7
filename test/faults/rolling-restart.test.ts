import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { ServiceName } from '../../services/registry.ts';
import { ask } from '../system.ts';
import { type Client, http1Client, http2Client, resetIds, type Response } from './restarts/load.ts';
import { type Replicas, startReplicas } from './restarts/replicas.ts';

/** Two replicas of auth, user, order and edge, restarted one after the other under load. */

/** Restarts of each service. CI sets 4. */
const restarts = Number(process.env['TEST_RESTARTS'] ?? 2);

let database: FreshDatabase;
let replicas: Replicas;
let users: User[];
beforeAll(async () => {
  database = await freshDatabase();
  replicas = await startReplicas(
    database,
    { auth: 2, user: 2, catalog: 1, cart: 1, payment: 1, order: 2, edge: 2 },
    { SIGNET_DRAIN_DELAY: '2s' },
  );
  const clients = [...Array(4).fill(http1Client), ...Array(2).fill(http2Client)].map((open) => open(replicas.edges));
  users = await Promise.all(clients.map(signIn));
});
afterAll(async () => {
  for (const { client } of users) client.close();
  await replicas.close();
  await database.drop();
});

/** A signed-in user with a client. */
interface User {
  readonly client: Client;
  token: string;
  refresh: string;
}

async function signIn(client: Client): Promise<User> {
  const [edge = ''] = replicas.edges;
  const body = { email: `${crypto.randomUUID()}@example.com`, password: 'a good long password' };
  await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...body, name: 'Ada' } });
  const { json } = await ask(`${edge}/api/v1/auth/login`, 'POST', { body });
  return { client, token: json.access_token, refresh: json.refresh_token };
}

/** Sends requests until `isOver`: reads, and a refresh of the session in each round. */
async function use(user: User, isOver: () => boolean, count: (what: string, response: Response | Error) => void) {
  const send = async (method: string, path: string, more: { token?: string; body?: unknown }) => {
    const response = await user.client
      .send({ method, path: `/api/v1${path}`, ...more })
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    count(`${method} ${path}`, response);
    return response;
  };
  while (!isOver()) {
    const { token } = user;
    await send('GET', '/users/profile', { token });
    await send('GET', '/orders', { token });
    await send('GET', '/auth/sessions', { token });
    const refreshed = await send('POST', '/auth/refresh', { body: { refresh_token: user.refresh } });
    if (refreshed instanceof Error || refreshed.status !== 200) continue;
    ({ access_token: user.token, refresh_token: user.refresh } = JSON.parse(refreshed.text));
  }
}

test.each<ServiceName>(['auth', 'user', 'order', 'edge'])(
  `of the requests during ${restarts} restarts of %s none fails`,
  async (name) => {
    let isOver = false;
    let answered = 0;
    const failures = new Map<string, number>();
    const count = (what: string, response: Response | Error) => {
      if (!(response instanceof Error) && response.status === 200) return void answered++;
      const why = response instanceof Error ? String(response) : `${response.status} ${response.text}`;
      const failure = `${what}: ${why.replaceAll(/"request_id":"[^"]*"/g, '')}`;
      failures.set(failure, (failures.get(failure) ?? 0) + 1);
    };
    const load = Promise.all(users.map((user) => use(user, () => isOver, count)));
    for (let index = 0; index < restarts; index++) await replicas.restart(name, index % 2);
    isOver = true;
    await load;
    expect(Object.fromEntries(failures)).toEqual({});
    expect(answered).toBeGreaterThan(100);
    const log = replicas.output('edge');
    expect(
      resetIds.filter((id) => log.includes(id)),
      'requests that an edge has dropped',
    ).toEqual([]);
  },
);

test('a process that gets SIGTERM is not ready, serves for the delay, asks clients to leave, and ends with 0', async () => {
  const edge = await replicas.add('edge');
  const url = `http://127.0.0.1:${String(edge.ready['port'])}`;
  expect((await ask(`${url}/ready`, 'GET')).status).toBe(200);
  const before = performance.now();
  const ended = edge.end('SIGTERM');
  await expect.poll(async () => (await ask(`${url}/ready`, 'GET')).json.missing).toBe('draining');
  const { status, headers } = await ask(`${url}/api/v1/users/profile`, 'GET', { token: users[0]?.token });
  expect([status, headers.get('connection')]).toEqual([200, 'close']);
  expect(await ended).toBe(0);
  expect(performance.now() - before).toBeGreaterThan(2_000);
});
