import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bodyOf, createHttp } from '../load/http.ts';
import { postgresCpu, postgresMemory } from '../measure/postgres.ts';
import { type Child, startChild } from '../server/child.ts';
import { services } from '../../services/registry.ts';
import { choosePorts } from '../server/systems.ts';
import type { Bench, Facts } from './bench.ts';

const admin = { email: 'admin@localhost', password: 'the admin of the bench' };

/** Idle time before memory is measured, and in which CPU time is measured, ms. */
const rest = 4_000;

/**
 * Measures `npm start` twice on the same data directory, which is empty the first
 * time: the time until it reports that it is running, the time until a login
 * succeeds, and the memory when idle.
 */
export async function start(bench: Bench): Promise<Facts> {
  const dir = path.join(bench.dir, 'start');
  await mkdir(dir, { mode: 0o711 });
  const first = await begin(dir);
  await first.child.stop();
  const second = await begin(dir);
  await delay(rest);
  const [node, postgres] = [(await second.child.usage()).cpu, postgresCpu(dir)?.total];
  await delay(rest);
  const nodeUse = (await second.child.usage()).cpu - node;
  const postgresUse = (postgresCpu(dir)?.total ?? Number.NaN) - (postgres ?? Number.NaN);
  const { rss, heap } = await second.child.memory();
  const database = postgresMemory(dir);
  await second.child.stop();
  return {
    title: 'Start, idle memory and idle CPU time, all services in one process with the embedded PostgreSQL',
    facts: [
      { name: 'first start, on an empty data directory', value: first.running, unit: 's' },
      { name: 'first start, until a login succeeds', value: first.login, unit: 's' },
      { name: 'second start', value: second.running, unit: 's' },
      { name: 'second start, until a login succeeds', value: second.login, unit: 's' },
      { name: 'idle memory: Node (RSS)', value: mebibytes(rss), unit: 'MiB' },
      { name: 'JavaScript heap in use (part of it)', value: mebibytes(heap), unit: 'MiB' },
      ...(database === undefined
        ? []
        : [{ name: 'idle memory: PostgreSQL (PSS, all processes)', value: mebibytes(database), unit: 'MiB' }]),
      { name: 'idle CPU time: Node', value: nodeUse / rest, unit: 'ms/s' },
      { name: 'idle CPU time: PostgreSQL', value: postgresUse / rest, unit: 'ms/s' },
    ],
  };
}

function mebibytes(bytes: number): number {
  return bytes / 2 ** 20;
}

/** Starts all services and measures the seconds until they are running and until a login succeeds. */
async function begin(dir: string): Promise<{ child: Child; running: number; login: number }> {
  const ports = await choosePorts();
  const before = performance.now();
  const seconds = () => (performance.now() - before) / 1_000;
  const child = startChild({
    name: 'all',
    file: 'services/all/main.ts',
    cwd: dir,
    reads: true,
    environment: {
      SIGNET_DATA_DIR: path.join(dir, 'data'),
      ...ports,
      SIGNET_METRICS_PORT: '0',
      SIGNET_ADMIN_EMAIL: admin.email,
      SIGNET_ADMIN_PASSWORD: admin.password,
    },
  });
  await child.says('Signet is running');
  const running = seconds();
  const http = createHttp();
  const url = `http://127.0.0.1:${ports[services.edge.ports.door.env]}/api/v1/auth/login`;
  const headers = { 'content-type': 'application/json' };
  bodyOf(await http.ask({ method: 'POST', url, headers, body: JSON.stringify(admin) }), 200);
  http.close();
  return { child, running, login: seconds() };
}
