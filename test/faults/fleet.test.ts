import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { useStarts } from '../starts.ts';
import { serviceNames } from '../../services/registry.ts';
import { ask } from '../system.ts';

/** Tests of `npm run fleet`. They find its processes through /proc, so those tests run on Linux only. */

const { startOf, stopAll } = useStarts();
let database: FreshDatabase;
beforeEach(async () => {
  database = await freshDatabase();
});
afterEach(async () => {
  await stopAll();
  await database.drop();
});

const start = (environment: Record<string, string> = {}) =>
  startOf('fleet', { DATABASE_URL: database.url.reveal(), ...environment });
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

/** The ids of a fleet's processes, by service. */
function processesOf(pid: number | undefined): Record<string, number> {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  const named = children.map((child) => {
    const name = /services\/(\w+)\/main\.ts/.exec(readFileSync(`/proc/${child}/cmdline`, 'utf8'))?.[1];
    return [name ?? '', child] as const;
  });
  return Object.fromEntries(named.filter(([name]) => name !== ''));
}

function isAlive(pid: number | undefined): boolean {
  try {
    // A zombie has ended; its parent has not reaped it yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const login = async (edge: string) =>
  (await ask(`${edge}/api/v1/auth/login`, 'POST', { body: credentials }).catch(() => undefined))?.status;

test('npm run fleet and npm start can use one data directory in turn, but not at once', async () => {
  const fleet = startOf('fleet', {});
  const { edge, output } = await fleet.banner;
  const [, email, password] = /admin\s+(\S+)\s+password (\S+) {3}shown only once/.exec(output) ?? [];
  expect((await ask(`${edge}/api/v1/auth/login`, 'POST', { body: { email, password } })).status).toBe(200);
  const other = await startOf('all', {}).exited;
  expect([other.code, other.output]).toEqual([1, expect.stringMatching(/another Signet .*uses the data directory/)]);

  fleet.child.kill('SIGTERM');
  expect((await fleet.exited).code).toBe(0);
  const one = await startOf('all', {}).banner;
  expect(one.output).toContain('created by an earlier start');
  expect(one.output, 'its PostgreSQL was stopped').not.toContain('already running');
  expect((await ask(`${one.edge}/api/v1/auth/login`, 'POST', { body: { email, password } })).status).toBe(200);
});

test.runIf(process.platform === 'linux')(
  'each service is a process with only the variables that it reads, and kill -9 of the fleet leaves none',
  async () => {
    const { child, banner, exited } = start({ SIGNET_TEST_OF_OTHERS: 'x' });
    const { edge } = await banner;
    const processes = processesOf(child.pid);
    expect(Object.keys(processes).toSorted()).toEqual(serviceNames.toSorted());
    const variables = (name: string) =>
      readFileSync(`/proc/${processes[name]}/environ`, 'utf8')
        .split('\0')
        .map((line) => line.split('=')[0]);
    expect(variables('auth')).toEqual(expect.arrayContaining(['DATABASE_URL', 'SIGNET_MASTER_KEY', 'SIGNET_SERVICES']));
    expect(variables('user')).toEqual(expect.arrayContaining(['DATABASE_URL', 'SIGNET_SERVICE_KEY']));
    for (const secret of ['DATABASE_URL', 'SIGNET_MASTER_KEY', 'SIGNET_SERVICES', 'SIGNET_TEST_OF_OTHERS']) {
      expect(variables('edge')).not.toContain(secret);
    }
    expect(variables('user')).not.toContain('SIGNET_MASTER_KEY');
    child.kill('SIGKILL');
    await exited;
    await expect.poll(() => Object.values(processes).filter(isAlive)).toEqual([]);
    await expect(fetch(`${edge}/health`)).rejects.toThrow('fetch failed');
  },
);

test.runIf(process.platform === 'linux')(
  'the fleet restarts a service that dies on its previous ports and logs it, and SIGTERM stops all in order',
  async () => {
    const { child, banner, output, exited } = start();
    const { edge } = await banner;
    await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
    const { json } = await ask(`${edge}/api/v1/auth/login`, 'POST', { body: credentials });
    for (const name of ['user', 'auth', 'edge']) {
      const killed = processesOf(child.pid)[name]!;
      process.kill(killed, 'SIGKILL');
      await expect.poll(() => processesOf(child.pid)[name] ?? killed).not.toBe(killed);
      const profile = () =>
        ask(`${edge}/api/v1/users/profile`, 'GET', { token: json.access_token }).then(
          ({ status }) => status,
          () => undefined,
        );
      await expect.poll(profile).toBe(200);
      await expect.poll(() => login(edge)).toBe(200);
      expect(output()).toMatch(new RegExp(`"service":"${name}","ended":"SIGKILL".*restarting it`));
    }
    // The edge stops first, then user, then auth.
    const alive = processesOf(child.pid);
    child.kill('SIGTERM');
    for (let gone = false; !gone; await delay(1)) {
      // Checked in this order, so a process that ends in between does not look too early.
      const states = [alive['auth'], alive['user'], alive['edge']].map(isAlive);
      expect(states, 'auth, user, edge').not.toEqual([false, true, expect.any(Boolean)]);
      expect(states.slice(1), 'user, edge').not.toEqual([false, true]);
      gone = states.every((one) => !one);
    }
    expect((await exited).code).toBe(0);
  },
);

test('a start that fails on a port in use names its key, leaves no process and prints the admin password', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as { port: number };
  const { exited } = start({ SIGNET_EDGE_PORT: String(port) });
  const { code, output } = await exited;
  squatter.close();
  expect(code).toBe(1);
  expect(output).toContain(`port ${port} is in use by another process. Set SIGNET_EDGE_PORT to another port`);
  expect(output).not.toMatch(/\n\s+at /);
  expect(output).toMatch(/first admin: admin@localhost, password: \S+\n/);
  // In one process, because it starts faster.
  const { banner } = startOf('all', { DATABASE_URL: database.url.reveal() });
  expect((await banner).output).toContain('created by an earlier start');
});

test('a start reports every invalid key of every service before anything starts, and no value', async () => {
  const { code, output } = await start({
    SIGNET_ALG: 'HS256',
    SIGNET_KEY_PENDING: '9s',
    SIGNET_CSRF: 'perhaps',
    SIGNET_USER_PORT: '65536',
  }).exited;
  expect(code).toBe(1);
  for (const key of ['SIGNET_ALG', 'SIGNET_KEY_PENDING', 'SIGNET_CSRF', 'SIGNET_USER_PORT']) {
    expect(output.split(`${key}:`)).toHaveLength(2);
  }
  expect(output).not.toMatch(/HS256|perhaps|65536|database/);
});
