import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Fleet, type ServiceProcess, startFleet } from '../processes.ts';
import { ask } from '../system.ts';

let database: FreshDatabase;
let fleet: Fleet;
let direct: GrpcTransport;
let replica: ServiceProcess;
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  database = await freshDatabase();
  fleet = await startFleet(database);
  replica = await fleet.startReplica();
  direct = createGrpcTransport(`127.0.0.1:${fleet.userPort}`, [UserService, Health]);
  await ask(`${fleet.edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  // A profile that has a name is read without a call to auth, so only the guard of the user service refuses the token.
  const { access_token: token } = await login();
  await ask(`${fleet.edge}/api/v1/users/profile`, 'PATCH', { token, body: { name: 'Ada' } });
});
afterAll(async () => {
  direct.close();
  await replica.end('SIGTERM');
  await fleet.close();
  await database.drop();
});

/** The public port of the second replica. No verifier watches it. */
const atReplica = (path: string, body: object) =>
  ask(`http://127.0.0.1:${String(replica.ready['port'])}/api/v1/auth/${path}`, 'POST', { body });

async function login() {
  const { json, status, text } = await atReplica('login', credentials);
  expect(status, text).toBe(200);
  fleet.secret(json.access_token);
  fleet.secret(json.refresh_token);
  return json as { access_token: string; refresh_token: string };
}

async function atUserService(token: string): Promise<string> {
  try {
    await createClient(UserService, direct).getProfile({}, { headers: { authorization: `Bearer ${token}` } });
    return 'OK';
  } catch (error) {
    return reasonOf(error) ?? String(error);
  }
}

async function isServing(): Promise<boolean> {
  const answer = await createClient(Health, direct)
    .check({})
    .catch(() => undefined);
  return answer?.status === Serving.SERVING;
}

test('a logout at one auth replica reaches verifiers that watch another replica within a second', async () => {
  for (let round = 0; round < 10; round++) {
    const { access_token: token, refresh_token: refresh } = await login();
    expect(await atUserService(token)).toBe('OK');
    expect((await atReplica('logout', { refresh_token: refresh })).status).toBe(200);
    await expect.poll(() => atUserService(token), { interval: 10 }).toBe('INVALID_TOKEN');
    const edge = async () => (await ask(`${fleet.edge}/api/v1/users/profile`, 'GET', { token })).status;
    await expect.poll(edge, { interval: 10 }).toBe(401);
  }
});

test('without auth, verifiers keep their revocations; reconnected ones catch up; restarted ones wait for auth', async () => {
  const [kept, gone, later] = [await login(), await login(), await login()];
  for (const { access_token: token } of [kept, gone, later]) expect(await atUserService(token)).toBe('OK');
  await atReplica('logout', { refresh_token: gone.refresh_token });
  await expect.poll(() => atUserService(gone.access_token)).toBe('INVALID_TOKEN');

  await fleet.processes.auth.end('SIGKILL');
  expect(await atUserService(kept.access_token)).toBe('OK');
  expect(await atUserService(gone.access_token)).toBe('INVALID_TOKEN');
  // No verifier can learn of this revocation yet.
  await atReplica('logout', { refresh_token: later.refresh_token });
  expect(await atUserService(later.access_token)).toBe('OK');

  await fleet.restart('auth');
  await expect.poll(() => atUserService(later.access_token)).toBe('INVALID_TOKEN');
  expect(await atUserService(kept.access_token)).toBe('OK');

  await fleet.processes.auth.end('SIGKILL');
  await fleet.processes.user.end('SIGKILL');
  await fleet.restart('user');
  expect(await isServing(), 'not ready without revocation data').toBe(false);
  await fleet.restart('auth');
  await expect.poll(isServing).toBe(true);
  expect(await atUserService(later.access_token)).toBe('INVALID_TOKEN');
  expect(await atUserService(gone.access_token)).toBe('INVALID_TOKEN');
  expect(await atUserService(kept.access_token)).toBe('OK');
});
