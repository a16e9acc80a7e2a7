import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { portKeys, useStarts } from '../starts.ts';
import { ask } from '../system.ts';

/** The first admin account exists before a stranger can register its address. */

const { startOf, stopAll } = useStarts('empty');
let database: FreshDatabase;
let db: Client;

beforeEach(async () => {
  database = await freshDatabase();
  db = new Client({ connectionString: database.url.reveal() });
  await db.connect();
});
afterEach(async () => {
  await stopAll();
  await db.end();
  await database.drop();
});

/** Ports that were free when probed, by configuration key. */
async function freePorts(): Promise<Record<string, string>> {
  const servers = portKeys.filter((key) => !key.includes('METRICS')).map((key) => ({ key, server: createServer() }));
  const ports: Record<string, string> = {};
  for (const { key, server } of servers) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ports[key] = String((server.address() as { port: number }).port);
  }
  for (const { server } of servers) server.close();
  return ports;
}

function listens(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

test.each(['all', 'fleet'] as const)('no port listens before the first admin exists (services/%s)', async (name) => {
  const ports = await freePorts();
  // Blocks the statement that creates the account.
  const holder = new Client({ connectionString: database.url.reveal() });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE');
  const { banner } = startOf(name, { DATABASE_URL: database.url.reveal(), ...ports });
  const isHeldBack = async (): Promise<boolean> => {
    const { rows } = await db.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO auth.users%'`,
    );
    return rows.length > 0;
  };
  await expect.poll(isHeldBack, { interval: 20 }).toBe(true);
  const open = await Promise.all(Object.values(ports).map(listens));
  expect(open).toEqual(open.map(() => false));
  await holder.query('ROLLBACK');
  await holder.end();

  const { edge, output } = await banner;
  const [, email, password] = /admin\s+(\S+)\s+password (\S+)/.exec(output) ?? [];
  expect((await ask(`${edge}/api/v1/auth/login`, 'POST', { body: { email, password } })).json.user.roles).toEqual([
    'admin',
  ]);
});

test.each(['all', 'fleet'] as const)(
  'a start that fails after creating the first admin prints its password (services/%s)',
  async (name) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const url = database.url.reveal();
    for (const key of ['SIGNET_AUTH_PORT', 'SIGNET_EDGE_PORT']) {
      await db.query('TRUNCATE auth.users CASCADE');
      const failed = await startOf(name, { DATABASE_URL: url, [key]: String(port) }).exited;
      expect(failed.code).toBe(1);
      const [, password] = /first admin: admin@localhost, password: (\S+)\n/.exec(failed.output) ?? [];
      // In one process, because it starts faster; the account is the same.
      const { edge, output } = await startOf('all', { DATABASE_URL: url }).banner;
      expect(output).toContain('created by an earlier start');
      const body = { email: 'admin@localhost', password };
      expect((await ask(`${edge}/api/v1/auth/login`, 'POST', { body })).status, key).toBe(200);
      await stopAll();
    }
    squatter.close();
  },
);

test.each(['all', 'fleet'] as const)(
  'a start fails with a message and opens no port when the admin email belongs to an ordinary account (services/%s)',
  async (name) => {
    const ports = await freePorts();
    await db.query(
      `INSERT INTO auth.users (id, email, name, roles) VALUES (uuidv7(), 'admin@localhost', 'Mallory', '{user}')`,
    );
    const { code, output } = await startOf(name, { DATABASE_URL: database.url.reveal(), ...ports }).exited;
    expect(code).toBe(1);
    expect(output).toContain(
      'no account has the role admin, and the account of admin@localhost (SIGNET_ADMIN_EMAIL) is an ordinary one',
    );
    expect(output).not.toMatch(/\n\s+at /);
  },
);

test('in production the first start needs SIGNET_ADMIN_PASSWORD and prints no password; later starts do not need it', async () => {
  const environment = { DATABASE_URL: database.url.reveal(), NODE_ENV: 'production' };
  const { code, output } = await startOf('all', environment).exited;
  expect(code).toBe(1);
  expect(output).toMatch(
    /^signet: no account has the role admin\. Set SIGNET_ADMIN_PASSWORD or .* for admin@localhost/m,
  );
  expect(output).not.toMatch(/, password|\n\s+at /);
  expect((await db.query('SELECT FROM auth.users')).rowCount).toBe(0);

  const password = 'the admin of this test';
  const first = await startOf('all', { ...environment, SIGNET_ADMIN_PASSWORD: password }).banner;
  expect(first.output).not.toContain(password);
  await stopAll();
  const { edge } = await startOf('all', environment).banner;
  const body = { email: 'admin@localhost', password };
  expect((await ask(`${edge}/api/v1/auth/login`, 'POST', { body })).status).toBe(200);
});

test('a start names a refused SIGNET_ADMIN_PASSWORD without printing it', async () => {
  const environment = { DATABASE_URL: database.url.reveal(), SIGNET_ADMIN_PASSWORD: 'password123' };
  const { code, output } = await startOf('all', environment).exited;
  expect(code).toBe(1);
  expect(output).toMatch(/SIGNET_ADMIN_PASSWORD cannot be the password of admin@localhost: it \w/);
  expect(output).not.toMatch(/password123|\n\s+at /);
});
