import { createHash, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';

let system: System;
let person: Person;
beforeAll(async () => {
  system = await openSystem();
  person = await system.person();
});
afterAll(() => system.close());

const password = 'a password for tests';
const fresh = () => `p${crypto.randomUUID()}@example.com`;

/** Every error is problem+json with these members and the request id. */
function expectProblem(
  answer: { status: number; headers: Headers; json: Record<string, unknown> },
  status: number,
  code: string,
) {
  expect([answer.status, answer.json['code']]).toEqual([status, code]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json).toMatchObject({ type: `urn:signet:error:${code}`, status, title: expect.any(String) });
  expect(answer.json['request_id']).toBe(answer.headers.get('x-request-id'));
}

describe('POST /auth/register', () => {
  test.each(['/auth/register', '/auth/signup'])('%s returns 201 with the account and no secrets', async (path) => {
    const email = fresh();
    const { status, json } = await system.rest('POST', path, { body: { email, password, name: 'Ada' } });
    expect(status).toBe(201);
    expect(json).toEqual({
      user: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        email,
        name: 'Ada',
        roles: ['user'],
        created_at: expect.any(String),
      },
    });
    expect(Date.parse(json.user.created_at)).toBeGreaterThan(Date.now() - 60_000);
  });

  test('accepts the role raider and no other', async () => {
    const ask = (role: string) =>
      system.rest('POST', '/auth/register', { body: { email: fresh(), password, name: 'R', role } });
    expect((await ask('raider')).json.user.roles).toEqual(['raider']);
    for (const role of ['admin', 'support', 'Admin', '', 'user,admin']) {
      const refused = await ask(role);
      expectProblem(refused, 400, 'INVALID_ARGUMENT');
      expect(refused.json.errors).toEqual([{ field: 'role', description: expect.any(String), reason: 'STRING_IN' }]);
    }
  });

  test('takes surrounding spaces and an internationalized domain, and signs in with either spelling', async () => {
    const local = `p${crypto.randomUUID()}`;
    const body = { email: ` ${local}@Bücher.example `, password, name: 'Ada' };
    const made = await system.rest('POST', '/auth/register', { body });
    expect([made.status, made.json.user?.email], made.text).toEqual([201, `${local}@xn--bcher-kva.example`]);
    for (const email of [body.email, `${local}@BÜCHER.example`, `${local}@xn--bcher-kva.example`]) {
      expect((await system.rest('POST', '/auth/login', { body: { email, password } })).status, email).toBe(200);
      expectProblem(await system.rest('POST', '/auth/register', { body: { ...body, email } }), 409, 'EMAIL_TAKEN');
    }
  });

  test('returns 409 for a known email in any letter case', async () => {
    const body = { email: person.email.toUpperCase(), password, name: 'Ada' };
    expectProblem(await system.rest('POST', '/auth/register', { body }), 409, 'EMAIL_TAKEN');
  });

  test('fifty concurrent requests with one email create one account', async () => {
    const body = { email: fresh(), password, name: 'Ada' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => system.rest('POST', '/auth/register', { body })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, ...Array(49).fill(409)]);
  });

  test.each([
    [{ email: 'not an email' }, 'email'],
    [{ email: `${'a'.repeat(64)}@${'b'.repeat(186)}.com` }, 'email'],
    [{ name: '' }, 'name'],
    [{ name: '   ' }, 'name'],
    [{ name: '\u3000\u00a0' }, 'name'],
    [{ name: '\ufeff' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ name: 'a\u0000b' }, 'name'],
    [{ name: 'a\nb' }, 'name'],
    [{ password: '' }, 'password'],
    [{ password: 'x'.repeat(1025) }, 'password'],
  ])('refuses %j and names the field', async (wrong, field) => {
    const answer = await system.rest('POST', '/auth/register', {
      body: { email: fresh(), password, name: 'Ada', ...wrong },
    });
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
    expect(answer.json.errors.map((one: { field: string }) => one.field)).toContain(field);
  });

  test('accepts a password of eight characters and refuses seven with an explanation', async () => {
    const ask = (short: string) =>
      system.rest('POST', '/auth/register', { body: { email: fresh(), password: short, name: 'Ada' } });
    expect((await ask('8 chars.')).status).toBe(201);
    const refused = await ask('7 chars');
    expectProblem(refused, 400, 'PASSWORD_REJECTED');
    expect(refused.json.errors).toEqual([
      { field: 'password', description: 'must have at least 8 characters', reason: 'TOO_SHORT' },
    ]);
  });
});

describe('POST /auth/login', () => {
  test('returns the tokens and the user', async () => {
    const { status, json } = await system.rest('POST', '/auth/login', {
      body: { email: person.email, password: person.password },
    });
    system.secret(json.access_token);
    expect(status).toBe(200);
    expect(json).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      refresh_token: expect.stringMatching(/^sr1\./),
      device_token: expect.stringMatching(/^sd1\./),
      csrf_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      user: { id: person.id, email: person.email, name: 'Ada', roles: ['user'], created_at: expect.any(String) },
    });
    const [header, claims] = json.access_token
      .split('.')
      .slice(0, 2)
      .map((part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(header).toEqual({ alg: 'RS256', typ: 'at+jwt', kid: expect.any(String) });
    expect(claims).toMatchObject({
      iss: 'http://localhost:8080',
      sub: person.id,
      aud: 'signet',
      client_id: 'signet',
      roles: ['user'],
      scope: 'signet:profile',
      email: person.email,
      email_verified: false,
      amr: ['pwd'],
      acr: 'pwd',
    });
    expect(claims.exp - claims.iat).toBe(900);
    expect(claims.nbf).toBe(claims.iat);
    for (const claim of ['jti', 'sid', 'auth_time']) expect(claims).toHaveProperty(claim);
  });

  test('ignores letter case and surrounding spaces of the email', async () => {
    const body = { email: ` ${person.email.toUpperCase()} `, password: person.password };
    const { status, json } = await system.rest('POST', '/auth/login', { body });
    system.secret(json.access_token);
    expect(status).toBe(200);
  });

  test('a wrong password and an unknown email get the same response', async () => {
    const wrong = await system.rest('POST', '/auth/login', {
      body: { email: person.email, password: 'not the password' },
    });
    const unknown = await system.rest('POST', '/auth/login', {
      body: { email: fresh(), password: 'not the password' },
    });
    expectProblem(wrong, 401, 'INVALID_CREDENTIALS');
    expect({ ...unknown.json, request_id: '' }).toEqual({ ...wrong.json, request_id: '' });
  });

  test('refuses an email with NUL, which the database cannot store', async () => {
    const answer = await system.rest('POST', '/auth/login', { body: { email: 'a\u0000b', password } });
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
  });

  test('accepts camelCase fields', async () => {
    const body = { email: person.email, password: person.password, deviceLabel: 'my laptop' };
    const { status, json } = await system.rest('POST', '/auth/login', { body });
    system.secret(json.access_token);
    expect(status).toBe(200);
  });
});

describe('POST /auth/refresh', () => {
  test('returns 401 without a token', async () => {
    expectProblem(await system.rest('POST', '/auth/refresh'), 401, 'INVALID_REFRESH_TOKEN');
    expectProblem(await system.rest('POST', '/auth/refresh', { body: {} }), 401, 'INVALID_REFRESH_TOKEN');
  });

  test.each([256, 257])('refuses a token of %i characters', async (length) => {
    const answer = await system.rest('POST', '/auth/refresh', { body: { refresh_token: 'x'.repeat(length) } });
    if (length === 256) expectProblem(answer, 401, 'INVALID_REFRESH_TOKEN');
    else expectProblem(answer, 400, 'INVALID_ARGUMENT');
  });
});

describe('GET /auth/verify', () => {
  test.each(['/auth/verify', '/auth/validate'])('%s returns the user and claims of the token', async (path) => {
    const { status, json } = await system.rest('GET', path, { token: person.access });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      valid: true,
      csrf_valid: false,
      user: { id: person.id },
      claims: { sub: person.id, aud: 'signet' },
    });
    expect(typeof json.claims.exp).toBe('number');
    const withCsrf = await system.rest('GET', path, { token: person.access, headers: { 'x-csrf-token': person.csrf } });
    expect(withCsrf.json.csrf_valid).toBe(true);
  });

  test('returns 401 with a challenge for a missing and for an invalid token', async () => {
    const none = await system.rest('GET', '/auth/verify');
    expectProblem(none, 401, 'TOKEN_REQUIRED');
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    const wrong = await system.rest('GET', '/auth/verify', { token: 'wrong' });
    expectProblem(wrong, 401, 'INVALID_TOKEN');
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  test('refuses the token of an ended session at once', async () => {
    const other = await system.person();
    await system.rest('POST', '/auth/logout', { body: { refresh_token: other.refresh } });
    expectProblem(await system.rest('GET', '/auth/verify', { token: other.access }), 401, 'INVALID_TOKEN');
  });
});

describe('the public keys', () => {
  test('GET /.well-known/jwks.json returns public keys only, with Cache-Control and ETag', async () => {
    const { status, json, headers } = await system.rest('GET', '//.well-known/jwks.json');
    expect(status).toBe(200);
    expect(json).toEqual({
      keys: [{ kty: 'RSA', use: 'sig', alg: 'RS256', kid: expect.any(String), n: expect.any(String), e: 'AQAB' }],
    });
    const [{ e, kty, n, kid }] = json.keys;
    expect(createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')).toBe(kid);
    expect(headers.get('cache-control')).toMatch(/max-age=\d+/);
    const again = await system.rest('GET', '//.well-known/jwks.json', {
      headers: { 'if-none-match': headers.get('etag') ?? '' },
    });
    expect([again.status, again.text]).toEqual([304, '']);
    const atAuth = await fetch(`${system.auth}/.well-known/jwks.json`);
    expect(await atAuth.json()).toEqual(json);
  });

  test('GET /auth/public-key returns the active key as PEM', async () => {
    const { status, text, headers } = await system.rest('GET', '/auth/public-key');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    const { json } = await system.rest('GET', '//.well-known/jwks.json');
    expect(createPublicKey(text).export({ format: 'jwk' })['n']).toBe(json.keys[0].n);
  });
});

describe('/users/profile', () => {
  test('returns 401 without a token', async () => {
    for (const method of ['GET', 'PUT', 'PATCH']) {
      expectProblem(
        await system.rest(method, '/users/profile', method === 'GET' ? {} : { body: {} }),
        401,
        'TOKEN_REQUIRED',
      );
    }
  });

  test('keeps fields that are not set', async () => {
    const { access: token } = await system.person();
    const first = await system.rest('PUT', '/users/profile', {
      token,
      body: { bio: 'b', phone: '+4915112345678', locale: 'de-AT' },
    });
    expect(first.json).toMatchObject({ name: 'Ada', bio: 'b', phone: '+4915112345678', locale: 'de-AT' });
    const second = await system.rest('PATCH', '/users/profile', { token, body: { name: ' Grace ' } });
    expect(second.json).toEqual({ ...first.json, name: 'Grace' });
    expect((await system.rest('GET', '/users/profile', { token })).json).toEqual(second.json);
  });

  test('writes only the fields of the mask, and clears masked fields that are not set', async () => {
    const { access: token } = await system.person();
    await system.rest('PUT', '/users/profile', { token, body: { bio: 'b', phone: '+4915112345678' } });
    const body = { name: 'not written', phone: '+4915187654321', update_mask: 'bio,phone' };
    expect((await system.rest('PUT', '/users/profile', { token, body })).json).toMatchObject({
      name: 'Ada',
      bio: '',
      phone: '+4915187654321',
    });
  });

  test.each([
    [{ name: '' }, 'name'],
    [{ name: '\u3000' }, 'name'],
    [{ bio: 'x'.repeat(1001) }, 'bio'],
    [{ bio: 'a\u0000b' }, 'bio'],
    [{ phone: '015112345678' }, 'phone'],
    [{ phone: '+123456' }, 'phone'],
    [{ phone: `+${'1'.repeat(16)}` }, 'phone'],
    [{ locale: 'not a locale' }, 'locale'],
    [{ update_mask: 'name' }, 'name'],
    [{ update_mask: 'email' }, 'update_mask'],
    [{ update_mask: 'id' }, 'update_mask'],
    [{ update_mask: '__proto__' }, 'update_mask'],
  ])('refuses %j, names the field and changes nothing', async (body, field) => {
    const before = await system.rest('GET', '/users/profile', { token: person.access });
    const answer = await system.rest('PATCH', '/users/profile', { token: person.access, body });
    expectProblem(answer, 400, 'INVALID_ARGUMENT');
    expect(answer.json.errors[0].field).toBe(field);
    expect((await system.rest('GET', '/users/profile', { token: person.access })).json).toEqual(before.json);
  });

  test.each([
    { bio: 'x'.repeat(1000) },
    { phone: '+1234567' },
    { phone: `+${'1'.repeat(15)}` },
    { phone: '' },
    { name: 'x'.repeat(100) },
  ])('accepts %j at its limit', async (body) => {
    const { access: token } = await system.person();
    expect((await system.rest('PATCH', '/users/profile', { token, body })).status).toBe(200);
  });

  test('fifty concurrent first reads return one profile', async () => {
    const { access: token } = await system.person();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => system.rest('GET', '/users/profile', { token })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  test('gives no access to the profile of another user through any field or path', async () => {
    const other = await system.person();
    const { json: before } = await system.rest('GET', '/users/profile', { token: other.access });
    for (const body of [
      { id: other.id, bio: 'mine' },
      { user_id: other.id, bio: 'mine' },
    ]) {
      expectProblem(
        await system.rest('PATCH', '/users/profile', { token: person.access, body }),
        400,
        'INVALID_ARGUMENT',
      );
    }
    expectProblem(
      await system.rest('GET', `/users/profile?id=${other.id}`, { token: person.access }),
      400,
      'INVALID_ARGUMENT',
    );
    expectProblem(await system.rest('GET', `/users/${other.id}`, { token: person.access }), 404, 'NOT_FOUND');
    expect((await system.rest('GET', '/users/profile', { token: other.access })).json).toEqual(before);
  });
});

describe('other paths', () => {
  test('unknown paths yield 404, wrong methods 405 with Allow', async () => {
    expectProblem(await system.rest('GET', '/nowhere'), 404, 'NOT_FOUND');
    expectProblem(await system.rest('GET', '//nowhere'), 404, 'NOT_FOUND');
    const wrong = await system.rest('DELETE', '/users/profile', { token: person.access });
    expectProblem(wrong, 405, 'METHOD_NOT_ALLOWED');
    expect(wrong.headers.get('allow')?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'PATCH', 'PUT']);
  });

  test('the edge serves /health, /ready, /openapi.json and /docs; auth serves /health and /ready', async () => {
    for (const path of ['/health', '/ready']) {
      expect((await system.rest('GET', `/${path}`)).status).toBe(200);
      expect((await fetch(`${system.auth}${path}`)).status).toBe(200);
    }
    const { json } = await system.rest('GET', '//openapi.json');
    expect(json).toMatchObject({
      openapi: '3.1.0',
      info: { license: { identifier: 'MIT' } },
      servers: [{ url: expect.stringMatching(/^http:/) }],
      paths: { '/api/v1/users/profile': expect.any(Object) },
      components: { securitySchemes: { cookieAuth: { name: 'signet_at' } } },
    });
    const docs = await system.rest('GET', '//docs/');
    expect([docs.status, docs.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    // The page loads nothing from other origins.
    expect(docs.text).not.toMatch(/(src|href)="https?:/);
  });

  test('a valid request id of the caller is kept, an invalid one replaced', async () => {
    const given = await system.rest('GET', '/nowhere', { headers: { 'x-request-id': 'abc-1' } });
    expect([given.headers.get('x-request-id'), given.json.request_id]).toEqual(['abc-1', 'abc-1']);
    const kept = await system.rest('GET', '/auth/verify', { headers: { 'x-request-id': 'abc-2' } });
    expect([kept.headers.get('x-request-id'), kept.json.request_id]).toEqual(['abc-2', 'abc-2']);
    const odd = await system.rest('GET', '/auth/verify', { headers: { 'x-request-id': 'a b"c' } });
    expect(odd.json.request_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('the rate limit counts all calls of an address over every protocol and sends Retry-After', async () => {
  const limited = await openSystem({ shape: 'one process', env: { SIGNET_RATE_LIMIT: '10' } });
  const answers = [];
  for (let index = 0; index < 6; index++) {
    answers.push(await limited.rest('GET', '/users/profile'));
    answers.push(await limited.rest('POST', '//signet.user.v1.UserService/GetProfile', { body: {} }));
  }
  // The rate limiter counts before authentication.
  expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(401), 429, 429]);
  expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"standard";q=10;w=60');
  for (const { headers } of answers) expect(headers.get('ratelimit')).toMatch(/^"standard";r=\d;t=(59|60)$/);
  const [rest, rpc] = answers.slice(-2);
  expectProblem(rest!, 429, 'RATE_LIMITED');
  expect(rpc?.json.code).toBe('resource_exhausted');
  for (const answer of [rest, rpc]) expect(Number(answer?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await limited.rest('GET', '//health')).status).toBe(200);
  await limited.close();
});

// kit/guard tests verification from a JWKS for each algorithm. For the fleet one is enough.
const algorithms = inject('shape') === 'fleet' ? ['ES256'] : ['PS256', 'ES256', 'EdDSA'];

test.each(algorithms)('tokens are signed with the configured algorithm %s', async (alg) => {
  const other = await openSystem({ env: { SIGNET_ALG: alg } });
  const { access } = await other.person();
  expect(JSON.parse(Buffer.from(access.split('.')[0] ?? '', 'base64url').toString()).alg).toBe(alg);
  expect((await other.rest('GET', '/users/profile', { token: access })).status).toBe(200);
  expect((await other.rest('GET', '/users/profile', { token: person.access })).status).toBe(401);
  await other.close();
});
