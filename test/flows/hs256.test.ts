import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SignJWT } from 'jose';
import { startService } from '../processes.ts';
import { ask, openSystem, type System } from '../system.ts';

// HS256 is only for a single process that issues and verifies tokens.

let system: System;
beforeAll(async () => (system = await openSystem({ env: { SIGNET_ALG: 'HS256' } })));
afterAll(() => system.close());

const decoded = (token: string, part: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()) as Record<string, unknown>;

test('in one process, sign-in, profile, verify, refresh and sign-out work with HS256', async () => {
  const ada = await system.person();
  expect(decoded(ada.access, 0)).toMatchObject({ alg: 'HS256', typ: 'at+jwt' });
  const profile = (token: string) => system.rest('GET', '/users/profile', { token });
  expect((await profile(ada.access)).json.email).toBe(ada.email);
  expect((await system.rest('GET', '/auth/verify', { token: ada.access })).json.valid).toBe(true);
  const next = (await system.rest('POST', '/auth/refresh', { body: { refresh_token: ada.refresh } })).json;
  expect((await profile(system.secret(next.access_token))).status).toBe(200);
  await system.rest('POST', '/auth/logout', { body: { refresh_token: system.secret(next.refresh_token) } });
  await expect.poll(async () => (await profile(next.access_token)).status, { interval: 10 }).toBe(401);
});

test('the HS256 key is never in the JWKS or available as PEM, before and after a rotation', async () => {
  const { kid } = decoded((await system.person()).access, 0);
  for (const base of [system.edge, system.auth]) {
    const jwks = await ask(`${base}/.well-known/jwks.json`, 'GET');
    expect([jwks.status, jwks.json.keys ?? []]).toEqual([200, []]);
    const pem = await ask(`${base}/api/v1/auth/public-key`, 'GET');
    expect(pem.status).toBe(404);
    expect(`${jwks.text}${pem.text}`).not.toContain(kid);
  }
});

test('a signature with any public value is refused', async () => {
  const { access } = await system.person();
  const { kid } = decoded(access, 0);
  for (const guess of [String(kid), 'signet', '', system.edge, randomBytes(32).toString('hex')]) {
    const key = new Uint8Array(Buffer.from(guess.padEnd(32, '\0')));
    const forged = await new SignJWT(decoded(access, 1))
      .setProtectedHeader({ alg: 'HS256', kid: String(kid), typ: 'at+jwt' })
      .sign(key);
    expect((await system.rest('GET', '/users/profile', { token: forged })).status).toBe(401);
  }
});

test.each(['auth', 'user', 'edge'])('the %s service alone refuses to start with HS256', async (name) => {
  const failed = await startService(name, {
    SIGNET_ALG: 'HS256',
    DATABASE_URL: system.database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    SIGNET_SERVICE_KEY: randomBytes(32).toString('base64url'),
  }).then(
    () => 'started',
    (error: Error) => error.message,
  );
  expect(failed).toMatch(/SIGNET_ALG/);
  expect(failed).not.toContain(system.database.url.reveal());
});
