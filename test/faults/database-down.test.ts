import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import { startOwnServer } from '../own-server.ts';
import { ask, openSystem, type System } from '../system.ts';

/** All services use a PostgreSQL that the test stops. */

let server: EmbeddedServer;
let system: System;
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  server = await startOwnServer();
  system = await openSystem({ env: { DATABASE_URL: server.url().reveal() } });
});
afterAll(async () => {
  await system.close();
  await server.stop();
});

test('without the database, calls that need it, logout among them, fail with 503, and the services keep running', async () => {
  await system.rest('POST', '/auth/register', { body: { ...credentials, name: 'Ada' } });
  const { json } = await system.rest('POST', '/auth/login', { body: credentials });
  await server.stop();

  const answers = await Promise.all([
    system.rest('POST', '/auth/login', { body: credentials }),
    system.rest('POST', '/auth/refresh', { body: { refresh_token: json.refresh_token } }),
    // CVE-2020-15223: a revocation that was not stored must not report success.
    system.rest('POST', '/auth/logout', { body: { refresh_token: json.refresh_token } }),
    system.rest('GET', '/auth/verify', { token: json.access_token }),
    system.rest('GET', '/users/profile', { token: json.access_token }),
  ]);
  expect(answers.map(({ status, json: { code } }) => `${status} ${code}`)).toEqual(
    Array(5).fill('503 SERVICE_UNAVAILABLE'),
  );
  for (const { headers, text } of answers) {
    expect(headers.get('retry-after')).toBe('1');
    expect(text).not.toMatch(/prisma|127\.0\.0\.1|ECONN/i);
  }
  expect((await system.rest('GET', '//health')).status).toBe(200);
  expect((await ask(`${system.auth}/ready`, 'GET')).status).toBe(503);
  expect((await system.rest('GET', '//.well-known/jwks.json')).status).toBe(200);
});
