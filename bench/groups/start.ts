import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bodyOf, createHttp } from '../load/http.ts';
import { postgresUse } from '../measure/postgres.ts';
import { type Child, startChild } from '../server/child.ts';
import { freePorts } from '../server/reach.ts';
import type { Facts } from './bench.ts';

const admin = { email: 'admin@localhost', password: 'the admin of the bench' };

/** How long a process rests before its memory is looked at, ms. */
const rest = 4_000;

/**
 * Starts everything as `npm start` does, twice on one data directory that is
 * empty the first time: how long until it says so, until it has signed somebody
 * in, and what it holds at rest.
 * @param dir an empty folder
 */
export async function start(dir: string): Promise<Facts> {
  const first = await begin(dir);
  await first.child.stop();
  const second = await begin(dir);
  await delay(rest);
  const { rss, heap } = await second.child.memory();
  const database = postgresUse(dir);
  await second.child.stop();
  return {
    title: 'Start and rest, all services in one process with the embedded PostgreSQL',
    facts: [
      { name: 'first start, on an empty data directory', value: first.running, unit: 's' },
      { name: 'first start, until a login is answered', value: first.login, unit: 's' },
      { name: 'second start', value: second.running, unit: 's' },
      { name: 'second start, until a login is answered', value: second.login, unit: 's' },
      { name: 'memory at rest: Node (RSS)', value: mebibytes(rss), unit: 'MiB' },
      { name: 'of it JavaScript heap in use', value: mebibytes(heap), unit: 'MiB' },
      ...(database
        ? [{ name: 'memory at rest: PostgreSQL (PSS, all processes)', value: mebibytes(database.memory), unit: 'MiB' }]
        : []),
    ],
  };
}

function mebibytes(bytes: number): number {
  return bytes / 2 ** 20;
}

/** Starts, and tells how many seconds it took until it said that it runs and until it answered a login. */
async function begin(dir: string): Promise<{ child: Child; running: number; login: number }> {
  const [edge, auth, grpc, user] = await freePorts(4);
  const before = performance.now();
  const seconds = () => (performance.now() - before) / 1_000;
  const child = startChild({
    name: 'all',
    file: 'services/all/main.ts',
    cwd: dir,
    reads: true,
    environment: {
      SIGNET_DATA_DIR: path.join(dir, 'data'),
      SIGNET_EDGE_PORT: String(edge),
      SIGNET_AUTH_PORT: String(auth),
      SIGNET_AUTH_GRPC_PORT: String(grpc),
      SIGNET_USER_PORT: String(user),
      SIGNET_METRICS_PORT: '0',
      SIGNET_ADMIN_EMAIL: admin.email,
      SIGNET_ADMIN_PASSWORD: admin.password,
    },
  });
  await child.says('Signet is running');
  const running = seconds();
  const http = createHttp();
  const url = `http://127.0.0.1:${edge}/api/v1/auth/login`;
  const headers = { 'content-type': 'application/json' };
  bodyOf(await http.ask({ method: 'POST', url, headers, body: JSON.stringify(admin) }), 200);
  http.close();
  return { child, running, login: seconds() };
}
