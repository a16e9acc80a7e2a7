import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { createTestIssuer } from '#kit/testing/tokens.ts';
import { startJwksServer } from '#kit/testing/jwks-server.ts';
import { ask, openSystem, type Person, type System } from '../system.ts';
import { requestText, sendRaw } from './wire.ts';

// Known vulnerabilities of other systems, by their names.

let system: System;
let db: Client;
beforeAll(async () => {
  system = await openSystem({ hashing: 'real' });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

const refresh = (token: string) => system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });
const profile = (token: string) => system.rest('GET', '/users/profile', { token });

describe('CVE-2026-1035: a refresh token used in parallel works more than once', () => {
  test('50 concurrent refreshes return the same successor and leave one valid refresh token', async () => {
    const ada = await system.person();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(ada.refresh)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const successors = new Set(answers.map(({ json }) => system.secret(json.refresh_token)));
    for (const { json } of answers) system.secret(json.access_token);
    expect(successors.size).toBe(1);
    const { rows } = await db.query('SELECT counter FROM auth.sessions WHERE user_id = $1', [ada.id]);
    expect(rows).toEqual([{ counter: 1 }]);
    const [successor = ''] = successors;
    expect((await refresh(successor)).status).toBe(200);
  });

  test('50 concurrent refreshes with a token whose successor was used end its session and are all refused', async () => {
    const ada = await system.person();
    const second = system.secret((await refresh(ada.refresh)).json.refresh_token);
    const third = system.secret((await refresh(second)).json.refresh_token);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(ada.refresh)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    // The request that ended the session gets its own reason.
    expect(answers.filter(({ json }) => json.code === 'REFRESH_TOKEN_REUSED')).toHaveLength(1);
    expect((await refresh(third)).status).toBe(401);
  });

  test('50 refreshes concurrent with 50 logouts leave no valid session', async () => {
    const ada = await system.person();
    const body = { refresh_token: ada.refresh };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0 ? refresh(ada.refresh) : system.rest('POST', '/auth/logout', { body }),
      ),
    );
    for (const { status } of answers) expect([200, 401]).toContain(status);
    const given = answers.flatMap(({ json }) => (json.refresh_token ? [system.secret(json.refresh_token)] : []));
    for (const token of [ada.refresh, ...given]) expect((await refresh(token)).status).toBe(401);
  });
});

describe('CVE-2025-61928: the user is taken from the body', () => {
  test.each(['user_id', 'userId', 'id', 'sub', 'email', 'user', 'profile', 'owner_id'])(
    'the field %s does not select a user',
    async (field) => {
      const [ada, eve] = await Promise.all([system.person(), system.person()]);
      const before = (await profile(ada.access)).json;
      const value = field === 'email' ? ada.email : field === 'user' || field === 'profile' ? { id: ada.id } : ada.id;
      const query = `${field}=${encodeURIComponent(JSON.stringify(value))}`;
      const connect = `${system.edge}/signet.user.v1.UserService`;
      const answers = await Promise.all([
        system.rest('PATCH', '/users/profile', { token: eve.access, body: { bio: 'stolen', [field]: value } }),
        system.rest('PATCH', `/users/profile?${query}`, { token: eve.access, body: { bio: 'stolen' } }),
        system.rest('GET', `/users/profile?${query}`, { token: eve.access }),
        ask(`${connect}/UpdateProfile`, 'POST', { token: eve.access, body: { bio: 'stolen', [field]: value } }),
        ask(`${connect}/GetProfile`, 'POST', { token: eve.access, body: { [field]: value } }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
      for (const { text } of answers) expect(text).not.toContain(ada.email);
      expect((await profile(ada.access)).json).toEqual(before);
      expect((await profile(eve.access)).json.bio).toBe('');
    },
  );
});

describe("CVE-2026-31813: a token of the attacker's own issuer", () => {
  test.each([
    ['with its own iss', {}],
    ['with the iss of Signet', { iss: 'http://localhost:8080' }],
    ['with both in a list', { iss: ['http://localhost:8080', 'https://attacker.test'] }],
  ])('%s is refused', async (_, claims) => {
    const ada = await system.person();
    const attacker = await createTestIssuer({ alg: 'RS256', issuer: 'https://attacker.test' });
    const served = await startJwksServer(() => attacker.jwks());
    const token = await attacker.sign(
      { sub: ada.id, email: ada.email, ...claims },
      { jku: served.url, iss: served.url },
    );
    expect((await profile(token)).status).toBe(401);
    expect((await system.rest('GET', '/auth/verify', { token })).status).toBe(401);
    expect(served.requests).toBe(0);
    await served.close();
  });
});

describe('CVE-2025-59936: two issuers, one kid', () => {
  test('a key of another issuer with a published kid verifies no token', async () => {
    const ada = await system.person();
    expect((await profile(ada.access)).status).toBe(200);
    const { keys } = (await system.rest('GET', '//.well-known/jwks.json')).json;
    const attacker = await createTestIssuer({ alg: 'RS256', issuer: 'http://localhost:8080' });
    for (const iss of ['http://localhost:8080', 'https://attacker.test']) {
      const token = await attacker.sign({ iss, sub: ada.id, email: ada.email }, { kid: keys[0].kid });
      expect((await profile(token)).status).toBe(401);
    }
    // The attempts do not replace the published key.
    expect((await profile(ada.access)).status).toBe(200);
  });
});

describe('CVE-2026-25223: a tab in Content-Type passes the check of what follows', () => {
  test.each([
    'application/json\ta',
    'application/json\t;a',
    'application/json\t/../text/plain',
    '\tapplication/json\tx',
  ])('%j is refused', async (type) => {
    const ada = await system.person();
    const body = JSON.stringify({ email: ada.email, password: ada.password });
    for (const path of ['/api/v1/auth/login', '/signet.auth.v1.AuthService/Login']) {
      const text = requestText('POST', path, { headers: [`Content-Type: ${type}`], body });
      expect((await sendRaw(system.edge, text)).status).toBe(415);
    }
  });
});

describe('CVE-2020-15223: revocation returns 200 although storage failed', () => {
  /** Restores the table after every test. */
  afterEach(async () => {
    await db.query('ALTER TABLE IF EXISTS auth.sessions_away RENAME TO sessions');
  });

  const ways: [string, (person: Person) => Promise<number>][] = [
    [
      'a refresh token',
      async ({ refresh: token }) =>
        (await system.rest('POST', '/auth/logout', { body: { refresh_token: token } })).status,
    ],
    [
      'an access token',
      async ({ access }) => (await system.rest('POST', '/auth/logout', { token: access, body: {} })).status,
    ],
    [
      'a cookie',
      async ({ refresh: token, csrf }) =>
        (
          await system.rest('POST', '/auth/logout', {
            body: {},
            headers: { cookie: `signet_rt=${token}`, 'x-csrf-token': csrf },
          })
        ).status,
    ],
    [
      'Connect',
      async ({ refresh: token }) =>
        (await ask(`${system.edge}/signet.auth.v1.AuthService/Logout`, 'POST', { body: { refresh_token: token } }))
          .status,
    ],
  ];

  test.each(ways)(
    'a logout by %s fails when the session cannot be ended, and ends it when it succeeds',
    async (_, logout) => {
      const ada = await system.person();
      await db.query('ALTER TABLE auth.sessions RENAME TO sessions_away');
      expect(await logout(ada)).toBeGreaterThanOrEqual(500);
      await db.query('ALTER TABLE auth.sessions_away RENAME TO sessions');
      // The logout reported that the session still exists, and it does.
      const next = await refresh(ada.refresh);
      expect(next.status).toBe(200);
      const now = {
        ...ada,
        refresh: system.secret(next.json.refresh_token),
        access: system.secret(next.json.access_token),
      };
      expect(await logout(now)).toBe(200);
      expect((await refresh(now.refresh)).status).toBe(401);
      expect((await system.rest('GET', '/auth/verify', { token: now.access })).status).toBe(401);
    },
  );

  test('a logout whose row is locked fails at the deadline of the caller', async () => {
    const ada = await system.person();
    await db.query('BEGIN');
    await db.query('SELECT FROM auth.sessions WHERE user_id = $1 FOR UPDATE', [ada.id]);
    const logout = ask(`${system.edge}/signet.auth.v1.AuthService/Logout`, 'POST', {
      body: { refresh_token: ada.refresh },
      headers: { 'connect-timeout-ms': '1000' },
    });
    const status = await Promise.race([logout.then((answer) => answer.status), sleep(5_000, 'no answer in 5 s')]);
    await db.query('ROLLBACK');
    await logout;
    expect(status).toBe(504);
  });
});

describe('Okta 2024: truncated hash input makes different passwords match', () => {
  const email = (local: string) => `${local}@example.com`;
  const login = (address: string, password: string) =>
    system.rest('POST', '/auth/login', { body: { email: address, password } });

  test.each([72, 73, 128, 200, 255])('passwords that differ only after %i bytes do not match', async (length) => {
    const address = email(`okta${length}`);
    const password = system.secret(`${'p'.repeat(length)}A`);
    const body = { email: address, password, name: 'Okta' };
    expect((await system.rest('POST', '/auth/register', { body })).status).toBe(201);
    expect((await login(address, password)).status).toBe(200);
    for (const other of [`${'p'.repeat(length)}B`, 'p'.repeat(length), `${password}A`])
      expect((await login(address, other)).status).toBe(401);
  });

  test('passwords that differ only after a NUL do not match', async () => {
    const address = email('oktanul');
    const body = { email: address, password: 'correct horse\0battery', name: 'Okta' };
    // The registration may be refused.
    await system.rest('POST', '/auth/register', { body });
    for (const other of ['correct horse\0staple', 'correct horse', 'correct horse\0'])
      expect([400, 401]).toContain((await login(address, other)).status);
  });

  test('passwords of accounts with long emails do not match', async () => {
    const domain = `@${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(40)}.com`;
    const [long, longer] = [`${'u'.repeat(64)}1`.slice(0, 63) + domain, `${'u'.repeat(62)}2${domain}`];
    const password = system.secret('correct horse battery');
    for (const [address, secret] of [
      [long, password],
      [longer, system.secret('another horse battery')],
    ] as const) {
      const made = await system.rest('POST', '/auth/register', {
        body: { email: address, password: secret, name: 'Okta' },
      });
      expect(made.status, made.text).toBe(201);
    }
    expect((await login(long, password)).status).toBe(200);
    expect((await login(longer, password)).status).toBe(401);
    for (const nearly of [long.slice(0, -1), `${long}x`, long.replace('u@', '@'), `${long}\0`])
      expect((await login(nearly, password)).status).not.toBe(200);
  });
});
