import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { type All, openAll, readAll } from '../../services/all/open.ts';
import { migrateAll } from '../../services/all/migrate.ts';
import { anyPorts } from '../ports.ts';
import { ask, type Asking } from '../system.ts';

/** All services on a PostgreSQL of the test's own, which it takes away. */

let server: EmbeddedServer;
let all: All;
const closers: (() => unknown)[] = [];
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  server = await startEmbedded({ dataDir: '', log: silentLog, ephemeral: true });
  const configs = readAll({
    ...anyPorts,
    DATABASE_URL: server.url().reveal(),
    SIGNET_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
  });
  await migrateAll(configs, silentLog);
  all = await openAll(configs, silentLog, { add: (close) => closers.push(close) }, { take: () => undefined });
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
  await server.stop();
});

const rest = (method: string, path: string, asking?: Asking) =>
  ask(`http://127.0.0.1:${all.port('SIGNET_EDGE_PORT')}${path}`, method, asking);

test('with the database gone, what needs it is 503, logout says so too, and nothing falls over', async () => {
  await rest('POST', '/api/v1/auth/register', { body: { ...credentials, name: 'Ada' } });
  const { json } = await rest('POST', '/api/v1/auth/login', { body: credentials });
  await server.stop();

  const asked = await Promise.all([
    rest('POST', '/api/v1/auth/login', { body: credentials }),
    rest('POST', '/api/v1/auth/refresh', { body: { refresh_token: json.refresh_token } }),
    // CVE-2020-15223: a revocation that storage did not take must not be called one.
    rest('POST', '/api/v1/auth/logout', { body: { refresh_token: json.refresh_token } }),
    rest('GET', '/api/v1/auth/verify', { token: json.access_token }),
    rest('GET', '/api/v1/users/profile', { token: json.access_token }),
  ]);
  expect(asked.map(({ status, json: { code } }) => `${status} ${code}`)).toEqual(
    Array(5).fill('503 SERVICE_UNAVAILABLE'),
  );
  for (const { headers, text } of asked) {
    expect(headers.get('retry-after')).toBe('1');
    expect(text).not.toMatch(/prisma|127\.0\.0\.1|ECONN/i);
  }
  expect((await rest('GET', '/health')).status).toBe(200);
  expect((await ask(`http://127.0.0.1:${all.port('SIGNET_AUTH_PORT')}/ready`, 'GET')).status).toBe(503);
  expect((await rest('GET', '/.well-known/jwks.json')).status).toBe(200);
});
