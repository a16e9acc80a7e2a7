import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { startOwnServer } from '../own-server.ts';
import { type Answer, ask, openSystem, type System } from '../system.ts';

/** All services use a PostgreSQL of the test that responds but cannot serve writes. */

let server: EmbeddedServer;
let system: System;
let user: GrpcTransport;
let admin: Client;
let tokens: { access_token: string; refresh_token: string };
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  server = await startOwnServer();
  system = await openSystem({ env: { DATABASE_URL: server.url().reveal() } });
  user = createGrpcTransport(`127.0.0.1:${system.userPort}`, [Health]);
  // A separate database, unaffected by the settings of the services' database.
  admin = await connect('postgres');
  await system.rest('POST', '/auth/register', { body: { ...credentials, name: 'Ada' } });
  tokens = (await system.rest('POST', '/auth/login', { body: credentials })).json;
  // With the first call the services get their own tokens, valid for 15 minutes.
  await system.rest('GET', '/users/profile', { token: tokens.access_token });
});
afterAll(async () => {
  await admin.end().catch(() => undefined);
  user.close();
  await system.close();
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

/** Requests that write. */
const writes = (): Promise<Answer[]> =>
  Promise.all([
    system.rest('POST', '/auth/login', { body: credentials }),
    system.rest('POST', '/auth/register', { body: { ...credentials, email: 'eve@example.com', name: 'Eve' } }),
    system.rest('POST', '/auth/refresh', { body: { refresh_token: tokens.refresh_token } }),
    system.rest('POST', '/auth/logout', { body: { refresh_token: tokens.refresh_token } }),
    system.rest('PATCH', '/users/profile', { token: tokens.access_token, body: { bio: 'x' } }),
    system.rest('DELETE', '/users/account', { token: tokens.access_token }),
  ]);

function expectUnavailable(answers: Answer[]): void {
  for (const { status, headers, json, text } of answers) {
    expect([status, json.code, headers.get('retry-after')], text).toEqual([503, 'SERVICE_UNAVAILABLE', '1']);
    expect(text).not.toMatch(/prisma|read-only|connection slots|127\.0\.0\.1/i);
  }
}

/** The readiness of auth and user. */
async function readiness(): Promise<[number, Serving]> {
  const [auth, health] = await Promise.all([ask(`${system.auth}/ready`, 'GET'), createClient(Health, user).check({})]);
  return [auth.status, health.status];
}

const down = [503, Serving.NOT_SERVING];
const up = [200, Serving.SERVING];
const ready = (expected: typeof up) => expect.poll(readiness, { interval: 100 }).toEqual(expected);
const endSessions = () =>
  admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'signet'`);

test('a read-only server: writes fail with 503, reads succeed, readiness follows', async () => {
  await ready(up);
  await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
  await admin.query('SELECT pg_reload_conf()');
  await ready(down);
  expectUnavailable(await writes());
  const profile = await system.rest('GET', '/users/profile', { token: tokens.access_token });
  expect([profile.status, profile.json.name], profile.text).toEqual([200, 'Ada']);
  expect((await system.rest('GET', '//health')).status).toBe(200);

  await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
  await admin.query('SELECT pg_reload_conf()');
  await ready(up);
  expect((await system.rest('POST', '/auth/login', { body: credentials })).status).toBe(200);
});

test('services reconnect from a database that is read-only after a failover once it accepts writes', async () => {
  await admin.query('ALTER DATABASE signet SET default_transaction_read_only = on');
  await endSessions();
  await ready(down);
  expectUnavailable(await writes());
  await admin.query('ALTER DATABASE signet RESET default_transaction_read_only');
  await ready(up);
  await expect.poll(async () => (await system.rest('POST', '/auth/login', { body: credentials })).status).toBe(200);
});

test('a full disk fails the statements with 503 and makes auth unready', async () => {
  const db = await connect('signet');
  await db.query(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION full_disk();`);
  await ready(up);
  const body = { ...credentials, email: 'eve@example.com', name: 'Eve' };
  expectUnavailable([await system.rest('POST', '/auth/register', { body })]);
  expect((await ask(`${system.auth}/ready`, 'GET')).status).toBe(503);
  await db.query('DROP FUNCTION full_disk CASCADE');
  await db.end();
  await ready(up);
});

test('a server without free connections: 503, not ready, and ready again once connections are free', async () => {
  const { rows } = await admin.query<{ slots: number }>(`SELECT current_setting('max_connections')::int AS slots`);
  // The connection of admin has one slot.
  const slots = (rows[0]?.slots ?? 0) - 1;
  const taken: Client[] = [];
  const take = async (): Promise<boolean> => {
    const client = await connect('postgres').catch(() => undefined);
    if (client) taken.push(client);
    return client !== undefined;
  };
  while (await take());
  // Terminates the connections of the services and takes every free slot, until the test has all. A terminated session
  // keeps its slot for a moment.
  await expect
    .poll(async () => {
      await endSessions();
      while (await take());
      return taken.length;
    })
    .toBe(slots);
  await ready(down);
  expectUnavailable(await writes());
  for (const client of taken) await client.end();
  await ready(up);
});

test('a server that is shutting down: 503 and not ready', async () => {
  const { rows } = await admin.query<{ text: string }>(`SELECT pg_read_file('postmaster.pid') AS text`);
  // A smart shutdown refuses new connections and waits for the open ones, of which one remains.
  process.kill(Number.parseInt(rows[0]?.text ?? '', 10), 'SIGTERM');
  await endSessions();
  await ready(down);
  expectUnavailable(await writes());
});
