import { createClient } from '@connectrpc/connect';
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type ServiceProcess, startService } from '../processes.ts';
import { ask } from '../system.ts';

// Readiness of a service whose guard lacks the key set or a valid service key.

const keys = { edge: generateServiceKey(), user: generateServiceKey(), machine: generateServiceKey() };
let database: FreshDatabase;
let auth: ServiceProcess;
let started: ServiceProcess | undefined;
beforeAll(async () => {
  database = await freshDatabase();
  const entries = [`edge=${keys.edge.publicKey}`, `user=${keys.user.publicKey}`];
  auth = await startService('auth', {
    // A variable of one service overrides the shared one, also with one process per service.
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    AUTH_DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    SIGNET_ADMIN_PASSWORD: 'the admin of this test',
    SIGNET_AUTH_PORT: '0',
    SIGNET_AUTH_GRPC_PORT: '0',
    SIGNET_SERVICES: entries.join(),
  });
});
afterEach(async () => {
  await started?.end('SIGTERM');
  started = undefined;
});
afterAll(async () => {
  await auth.end('SIGTERM');
  await database.drop();
});

const jwksUrl = () => `http://127.0.0.1:${String(auth.ready['port'])}/.well-known/jwks.json`;
const common = () => ({
  SIGNET_JWKS_URL: jwksUrl(),
  SIGNET_AUTH_TARGET: `127.0.0.1:${String(auth.ready['grpc_port'])}`,
});

async function openEdge(more: Record<string, string>): Promise<ServiceProcess & { url: string }> {
  const environment = { ...common(), SIGNET_SERVICE_KEY: keys.edge.key.reveal(), SIGNET_EDGE_PORT: '0', ...more };
  started = await startService('edge', environment, 'listens');
  return { ...started, url: `http://127.0.0.1:${String(started.ready['port'])}` };
}

/** The response of `/ready`. */
const ready = async (url: string) => {
  const { status, json } = await ask(`${url}/ready`, 'GET');
  return { status, missing: json.missing };
};

test('an edge with a wrong JWKS URL is alive but not ready, and logs the URL without its query', async () => {
  const wrong = jwksUrl().replace('jwks.json', 'jwk.json');
  const edge = await openEdge({ SIGNET_JWKS_URL: `${wrong}?secret=hush` });
  await expect.poll(() => edge.output()).toContain(`${wrong}: HTTP status 404`);
  expect(await ready(edge.url)).toEqual({ status: 503, missing: 'keys' });
  expect((await ask(`${edge.url}/health`, 'GET')).status).toBe(200);
  expect(edge.output()).not.toContain('edge is ready');
  expect(edge.output()).not.toContain('hush');
});

test('an edge whose key the auth service does not know is not ready, and logs why', async () => {
  const edge = await openEdge({ SIGNET_SERVICE_KEY: keys.machine.key.reveal() });
  await expect.poll(() => ready(edge.url)).toEqual({ status: 503, missing: 'service_key' });
  await expect.poll(() => edge.output()).toContain("does not know this service's name and key");
  expect(edge.output()).toContain('"need":"service_key"');
  expect(edge.output()).not.toContain('edge is ready');
  expect(edge.output()).not.toContain(keys.machine.key.reveal());
});

test('an edge without an auth service listens, is alive and not ready', async () => {
  const away = { SIGNET_JWKS_URL: 'http://127.0.0.1:1/jwks.json', SIGNET_AUTH_TARGET: '127.0.0.1:1' };
  const edge = await openEdge(away);
  expect((await ask(`${edge.url}/health`, 'GET')).status).toBe(200);
  expect((await ready(edge.url)).status).toBe(503);
});

test('an edge with everything it needs is ready, and logs it', async () => {
  const edge = await openEdge({});
  await expect.poll(() => ready(edge.url)).toEqual({ status: 200, missing: undefined });
  await expect.poll(() => edge.output()).toContain('"msg":"edge is ready"');
});

test('a service without an HTTP port reports readiness through grpc.health.v1', async () => {
  const environment = {
    ...common(),
    // A variable of one service overrides the shared one, also with one process per service.
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    USER_DATABASE_URL: database.url.reveal(),
    SIGNET_SERVICE_KEY: keys.machine.key.reveal(),
    SIGNET_USER_PORT: '0',
  };
  const user = (started = await startService('user', environment, 'listens'));
  const transport = createGrpcTransport(`127.0.0.1:${String(user.ready['port'])}`, [Health]);
  await expect.poll(() => user.output()).toContain('"need":"service_key"');
  expect((await createClient(Health, transport).check({})).status).toBe(Serving.NOT_SERVING);
  expect(user.output()).not.toContain('user is ready');
  transport.close();
});

test('a service refuses a JWKS URL over http to a public host, unless SIGNET_JWKS_HTTP=any', async () => {
  // Not a private address, yet no packet leaves this machine.
  const far = { SIGNET_JWKS_URL: 'http://0.0.0.0:1/jwks.json' };
  await expect(openEdge(far)).rejects.toThrow('set SIGNET_JWKS_HTTP=any to accept it');
  const edge = await openEdge({ ...far, SIGNET_JWKS_HTTP: 'any' });
  expect(await ready(edge.url)).toEqual({ status: 503, missing: 'keys' });
});
