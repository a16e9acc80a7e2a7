import { createClient } from '@connectrpc/connect';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Fleet, startFleet } from '../processes.ts';
import { ask, type RequestOptions } from '../system.ts';

let database: FreshDatabase;
let fleet: Fleet;
let direct: GrpcTransport;
const email = 'ada@example.com';
const password = randomBytes(12).toString('hex');

beforeAll(async () => {
  database = await freshDatabase();
  // A loaded machine needs longer than the usual ten seconds to restart auth.
  fleet = await startFleet(database, { SIGNET_REFRESH_GRACE: '2m' });
  direct = createGrpcTransport(`127.0.0.1:${fleet.userPort}`, [UserService]);
  fleet.secret(password);
  await rest('POST', '/auth/register', { body: { email, password, name: 'Ada' } });
});
afterAll(async () => {
  direct.close();
  await fleet.close();
  await database.drop();
});

const rest = (method: string, path: string, options?: RequestOptions) =>
  ask(`${fleet.edge}/api/v1${path}`, method, options);

async function login() {
  const { status, json, text } = await rest('POST', '/auth/login', { body: { email, password } });
  expect(status, text).toBe(200);
  fleet.secret(json.access_token);
  fleet.secret(json.refresh_token);
  return json as { access_token: string; refresh_token: string };
}

const refresh = (token: string) => rest('POST', '/auth/refresh', { body: { refresh_token: token } });

function profileOverGrpc(token: string): Promise<unknown> {
  return createClient(UserService, direct).getProfile({}, { headers: { authorization: `Bearer ${token}` } });
}

/** A well-formed token with an unknown kid. */
function withRandomKid(token: string): string {
  const [, payload, signature] = token.split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: randomBytes(16).toString('hex') }));
  return `${header.toString('base64url')}.${payload}.${signature}`;
}

test('without the auth process, user and edge still verify tokens, and calls that need auth fail with 503', async () => {
  const { access_token: token } = await login();
  await fleet.processes.auth.end('SIGKILL');

  const profile = await rest('GET', '/users/profile', { token });
  expect([profile.status, profile.json.email]).toEqual([200, email]);
  expect(await profileOverGrpc(token)).toMatchObject({ email });
  expect((await rest('GET', '/users/profile', { token: `${token}x` })).status).toBe(401);

  const refused = await rest('POST', '/auth/login', { body: { email, password } });
  expect([refused.status, refused.json.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(refused.text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1/);
  expect((await ask(`${fleet.edge}/health`, 'GET')).status).toBe(200);
  expect((await ask(`${fleet.edge}/ready`, 'GET')).status).toBe(200);

  // While the keys are unavailable, an unknown kid does not prove the token invalid.
  const unknown = withRandomKid(token);
  await expect.poll(async () => (await rest('GET', '/users/profile', { token: unknown })).status).toBe(503);
  const overGrpc = () => profileOverGrpc(unknown).then(() => undefined, reasonOf);
  await expect.poll(overGrpc).toBe('KEYS_UNAVAILABLE');

  await fleet.restart('auth');
  await expect.poll(async () => (await rest('POST', '/auth/login', { body: { email, password } })).status).toBe(200);
});

test('refresh tokens keep their state after kill -9', async () => {
  const first = await login();
  const second = (await refresh(first.refresh_token)).json as { refresh_token: string };
  await fleet.processes.auth.end('SIGKILL');
  await fleet.restart('auth');
  await expect.poll(async () => (await rest('GET', '/auth/public-key')).status).toBe(200);

  // Within the grace period: the same successor, issued by another process.
  expect((await refresh(first.refresh_token)).json.refresh_token).toBe(second.refresh_token);
  const third = (await refresh(second.refresh_token)).json as { refresh_token: string };
  await fleet.processes.auth.end('SIGKILL');
  await fleet.restart('auth');
  await expect.poll(async () => (await rest('GET', '/auth/public-key')).status).toBe(200);

  // CVE-2026-9802: a rotated token must not work again after a restart.
  expect((await refresh(first.refresh_token)).json.code).toBe('REFRESH_TOKEN_REUSED');
  expect((await refresh(third.refresh_token)).json.code).toBe('INVALID_REFRESH_TOKEN');
});

test('a kill -9 during 50 concurrent refreshes leaves one valid successor', async () => {
  const { refresh_token: token } = await login();
  const storm = Promise.allSettled(Array.from({ length: 50 }, () => refresh(token)));
  await fleet.processes.auth.end('SIGKILL');
  await storm;
  await fleet.restart('auth');
  await expect.poll(async () => (await rest('GET', '/auth/public-key')).status).toBe(200);
  const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(token)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(new Set(answers.map(({ json }) => json.refresh_token)).size).toBe(1);
  const db = new Client({ connectionString: database.url.reveal() });
  await db.connect();
  const { rows } = await db.query('SELECT counter FROM auth.sessions WHERE id = $1', [token.split('.')[1]]);
  await db.end();
  expect(rows).toEqual([{ counter: 1 }]);
});

test('five thousand tokens with random kids cause at most ten reads of the key set', async () => {
  const { access_token: token } = await login();
  const reads = () => fleet.processes.auth.output().split('AuthService/GetJwks').length;
  // Once the edge reaches auth again, it rejects an unknown kid.
  const unknown = async () => (await rest('GET', '/users/profile', { token: withRandomKid(token) })).status;
  await expect.poll(unknown).toBe(401);
  const before = reads();
  for (let batch = 0; batch < 50; batch++) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => rest('GET', '/users/profile', { token: withRandomKid(token) })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  }
  expect(reads() - before).toBeLessThanOrEqual(10);
  expect((await rest('GET', '/users/profile', { token })).status).toBe(200);
});

test('a stopped service yields 503 with Retry-After, does not affect others, and is reached again after its restart', async () => {
  const { access_token: token } = await login();
  await fleet.processes.user.end('SIGKILL');
  const down = await rest('GET', '/users/profile', { token });
  expect([down.status, down.json.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
  expect(Number(down.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect((await rest('GET', '/auth/verify', { token })).status).toBe(200);
  await fleet.restart('user');
  await expect.poll(async () => (await rest('GET', '/users/profile', { token })).status).toBe(200);
});

test('when auth is down beyond max_staleness, methods that cannot be undone are refused and others succeed', async () => {
  const { access_token: token } = await login();
  const remove = async () => (await rest('DELETE', '/users/account', { token })).json?.code as unknown;
  const removeOverGrpc = () =>
    createClient(UserService, direct)
      .deleteAccount({}, { headers: { authorization: `Bearer ${token}` } })
      .then(() => 'OK', reasonOf);
  await fleet.processes.auth.end('SIGKILL');
  // Before that, the call fails because auth itself is unreachable.
  expect(await remove()).toBe('SERVICE_UNAVAILABLE');
  await expect.poll(remove).toBe('REVOCATIONS_STALE');
  await expect.poll(removeOverGrpc).toBe('REVOCATIONS_STALE');
  expect((await rest('GET', '/users/profile', { token })).status).toBe(200);
  expect(await profileOverGrpc(token)).toMatchObject({ email });
  await fleet.restart('auth');
  const removed = async () => (await rest('DELETE', '/users/account', { token })).status;
  await expect.poll(removed).toBe(204);
  expect((await rest('POST', '/auth/login', { body: { email, password } })).json.code).toBe('INVALID_CREDENTIALS');
});
