import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { type EmbeddedServer, startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { type All, openAll, readAll } from '../../services/all/open.ts';
import { migrateAll } from '../../services/all/migrate.ts';
import { type Answer, ask, type Asking } from '../system.ts';
import { anyPorts } from '../ports.ts';

/** All services on a PostgreSQL of the test's own, which answers and cannot do the work. */

let server: EmbeddedServer;
let all: All;
let user: GrpcTransport;
let admin: Client;
let tokens: { access_token: string; refresh_token: string };
const closers: (() => unknown)[] = [];
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  server = await startEmbedded({ dataDir: '', log: silentLog, ephemeral: true });
  const configs = readAll({
    ...anyPorts,
    DATABASE_URL: server.url().reveal(),
    SIGNET_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
    SIGNET_RATE_LIMIT: '0',
  });
  await migrateAll(configs, silentLog);
  all = await openAll(configs, silentLog, { add: (close) => closers.push(close) }, { take: () => undefined });
  user = createGrpcTransport(`127.0.0.1:${all.port('SIGNET_USER_PORT')}`, [Health]);
  // Another database than that of the services: their settings do not concern it.
  admin = await connect('postgres');
  await rest('POST', '/api/v1/auth/register', { body: { ...credentials, name: 'Ada' } });
  tokens = (await rest('POST', '/api/v1/auth/login', { body: credentials })).json;
  // The services get their own tokens with the first call, for a quarter of an hour.
  await rest('GET', '/api/v1/users/profile', { token: tokens.access_token });
});
afterAll(async () => {
  await admin.end().catch(() => undefined);
  user.close();
  for (const close of closers.toReversed()) await close();
  await server.stop();
});

async function connect(database: string): Promise<Client> {
  const client = new Client({
    connectionString: server.url(database).reveal(),
    options: '-c default_transaction_read_only=off',
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const rest = (method: string, path: string, asking?: Asking) =>
  ask(`http://127.0.0.1:${all.port('SIGNET_EDGE_PORT')}${path}`, method, asking);

/** What needs to write. */
const writes = (): Promise<Answer[]> =>
  Promise.all([
    rest('POST', '/api/v1/auth/login', { body: credentials }),
    rest('POST', '/api/v1/auth/register', { body: { ...credentials, email: 'eve@example.com', name: 'Eve' } }),
    rest('POST', '/api/v1/auth/refresh', { body: { refresh_token: tokens.refresh_token } }),
    rest('POST', '/api/v1/auth/logout', { body: { refresh_token: tokens.refresh_token } }),
    rest('PATCH', '/api/v1/users/profile', { token: tokens.access_token, body: { bio: 'x' } }),
    rest('DELETE', '/api/v1/users/account', { token: tokens.access_token }),
  ]);

function expectUnavailable(answers: Answer[]): void {
  for (const { status, headers, json, text } of answers) {
    expect([status, json.code, headers.get('retry-after')], text).toEqual([503, 'SERVICE_UNAVAILABLE', '1']);
    expect(text).not.toMatch(/prisma|read-only|connection slots|127\.0\.0\.1/i);
  }
}

/** What auth and user say of themselves. */
async function readiness(): Promise<[number, Serving]> {
  const [auth, health] = await Promise.all([
    ask(`http://127.0.0.1:${all.port('SIGNET_AUTH_PORT')}/ready`, 'GET'),
    createClient(Health, user).check({}),
  ]);
  return [auth.status, health.status];
}

const down = [503, Serving.NOT_SERVING];
const up = [200, Serving.SERVING];
const ready = (expected: typeof up) => expect.poll(readiness, { timeout: 20_000, interval: 100 }).toEqual(expected);
const endSessions = () =>
  admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'signet'`);

test('a server that is read-only: writes are 503, reads go on, readiness goes down and comes back', async () => {
  await ready(up);
  await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
  await admin.query('SELECT pg_reload_conf()');
  await ready(down);
  expectUnavailable(await writes());
  const profile = await rest('GET', '/api/v1/users/profile', { token: tokens.access_token });
  expect([profile.status, profile.json.name], profile.text).toEqual([200, 'Ada']);
  expect((await rest('GET', '/health')).status).toBe(200);

  await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
  await admin.query('SELECT pg_reload_conf()');
  await ready(up);
  expect((await rest('POST', '/api/v1/auth/login', { body: credentials })).status).toBe(200);
});

test('a database that new sessions find read-only, as after a failover, is left as soon as it takes writes', async () => {
  await admin.query('ALTER DATABASE signet SET default_transaction_read_only = on');
  await endSessions();
  await ready(down);
  expectUnavailable(await writes());
  await admin.query('ALTER DATABASE signet RESET default_transaction_read_only');
  await ready(up);
  await expect
    .poll(async () => (await rest('POST', '/api/v1/auth/login', { body: credentials })).status, { timeout: 20_000 })
    .toBe(200);
});

test('a disk that is full shows in the statements that fail, and takes readiness down', async () => {
  const db = await connect('signet');
  await db.query(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION full_disk();`);
  await ready(up);
  const body = { ...credentials, email: 'eve@example.com', name: 'Eve' };
  expectUnavailable([await rest('POST', '/api/v1/auth/register', { body })]);
  expect((await ask(`http://127.0.0.1:${all.port('SIGNET_AUTH_PORT')}/ready`, 'GET')).status).toBe(503);
  await db.query('DROP FUNCTION full_disk CASCADE');
  await db.end();
  await ready(up);
});

test('a server out of connections: 503, readiness down, and back once there are some', async () => {
  const taken: Client[] = [];
  const take = async (): Promise<boolean> => {
    const client = await connect('postgres').catch(() => undefined);
    if (client) taken.push(client);
    return client !== undefined;
  };
  while (await take());
  // The services give theirs up as well; what they open meanwhile is taken from them again.
  const isDown = async () => {
    await endSessions();
    while (await take());
    return readiness();
  };
  await expect.poll(isDown, { timeout: 20_000 }).toEqual(down);
  expectUnavailable(await writes());
  for (const client of taken) await client.end();
  await ready(up);
});

test('a server that is shutting down: 503, and readiness down', async () => {
  const { rows } = await admin.query<{ text: string }>(`SELECT pg_read_file('postmaster.pid') AS text`);
  // A smart shutdown: it refuses connections, and waits for those that are open, of which one stays.
  process.kill(Number.parseInt(rows[0]?.text ?? '', 10), 'SIGTERM');
  await endSessions();
  await ready(down);
  expectUnavailable(await writes());
});
