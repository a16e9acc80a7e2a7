import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, ask as askAt, openSystem, type Person, type System } from '../system.ts';

let system: System;
let person: Person;
let cookies: Record<string, string>;
let csrf: string;
const page = 'https://app.example.com';

beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_CORS_ORIGINS: page } });
});
beforeEach(async () => {
  person = await system.person();
  const { email, password } = person;
  const login = await system.rest('POST', '/auth/login', { body: { email, password, transport: 'cookie' } });
  cookies = cookiesOf(login);
  csrf = system.secret(login.json.csrf_token);
});
afterAll(() => system.close());

function cookiesOf({ headers }: Answer): Record<string, string> {
  return Object.fromEntries(
    headers.getSetCookie().map((line) => {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      return [pair.slice(0, at), system.secret(pair.slice(at + 1))];
    }),
  );
}

function withCookies(extra: Record<string, string> = {}): Record<string, string> {
  return {
    cookie: Object.entries(cookies)
      .map(([name, value]) => `${name}=${value}`)
      .join('; '),
    ...extra,
  };
}

test('a sign-in by cookie sets HttpOnly cookies and returns no tokens in the body', async () => {
  const { email, password } = person;
  const login = await system.rest('POST', '/auth/login', { body: { email, password, transport: 'cookie' } });
  expect(Object.keys(login.json).toSorted()).toEqual(['csrf_token', 'expires_in', 'token_type', 'user']);
  const lines = login.headers.getSetCookie();
  expect(lines.map((line) => line.split('=')[0])).toEqual(['signet_at', 'signet_rt', 'signet_device']);
  for (const line of lines) expect(line).toMatch(/; Max-Age=\d+; Path=\/; HttpOnly; SameSite=(Strict|Lax)$/);
  cookiesOf(login);
});

test('a sign-in without transport=cookie sets no cookie', async () => {
  const { email, password } = person;
  const login = await system.rest('POST', '/auth/login', { body: { email, password } });
  system.secret(login.json.access_token);
  expect(login.headers.getSetCookie()).toEqual([]);
});

test('behind https, cookies are Secure and named __Host-', async () => {
  const secure = await openSystem({ shape: 'one process', env: { SIGNET_ISSUER: 'https://id.example.com' } });
  const { email, password } = await secure.person();
  const login = await secure.rest('POST', '/auth/login', { body: { email, password, transport: 'cookie' } });
  const lines = login.headers.getSetCookie();
  expect(lines.map((line) => line.split('=')[0])).toEqual([
    '__Host-signet_at',
    '__Host-signet_rt',
    '__Host-signet_device',
  ]);
  for (const line of lines) expect(line).toContain('; Secure');
  await secure.close();
});

test('a cookie alone is enough to read, but not to write', async () => {
  expect((await system.rest('GET', '/users/profile', { headers: withCookies() })).status).toBe(200);
  const change = { body: { bio: 'x' }, headers: withCookies() };
  expect((await system.rest('PATCH', '/users/profile', change)).json.code).toBe('CSRF_REQUIRED');
  const allowed = { body: { bio: 'x' }, headers: withCookies({ 'x-csrf-token': csrf }) };
  expect((await system.rest('PATCH', '/users/profile', allowed)).status).toBe(200);
});

test('a cookie alone is not enough to write over Connect either', async () => {
  const call = (headers: Record<string, string>) =>
    system.rest('POST', '//signet.user.v1.UserService/UpdateProfile', { body: { bio: 'x' }, headers });
  expect((await call(withCookies())).json.code).toBe('permission_denied');
  expect((await call(withCookies({ 'x-csrf-token': csrf }))).status).toBe(200);
});

test.each(['', 'wrong', 'A'.repeat(43)])('refuses the CSRF token %j', async (token) => {
  const options = { body: { bio: 'x' }, headers: withCookies({ 'x-csrf-token': token }) };
  expect((await system.rest('PATCH', '/users/profile', options)).json.code).toBe('CSRF_REQUIRED');
});

test('refuses a CSRF token of another session for writes, refresh and sign-out', async () => {
  const other = await system.person();
  const headers = withCookies({ 'x-csrf-token': other.csrf });
  expect((await system.rest('PATCH', '/users/profile', { body: { bio: 'x' }, headers })).json.code).toBe(
    'CSRF_REQUIRED',
  );
  expect((await system.rest('POST', '/auth/refresh', { headers })).json.code).toBe('CSRF_REQUIRED');
  expect((await system.rest('POST', '/auth/logout', { headers })).json.code).toBe('CSRF_REQUIRED');
  expect((await system.rest('GET', '/auth/verify', { headers })).json.csrf_valid).toBe(false);
  const own = withCookies({ 'x-csrf-token': csrf });
  expect((await system.rest('GET', '/auth/verify', { headers: own })).json.csrf_valid).toBe(true);
});

test('a refresh by cookie sets new cookies and returns no tokens', async () => {
  const headers = withCookies({ 'x-csrf-token': csrf });
  const refreshed = await system.rest('POST', '/auth/refresh', { headers });
  expect(refreshed.status).toBe(200);
  expect(refreshed.json).not.toHaveProperty('access_token');
  expect(refreshed.json).not.toHaveProperty('refresh_token');
  expect(refreshed.json.csrf_token).toBe(csrf);
  const renewed = cookiesOf(refreshed);
  expect(renewed['signet_rt']).not.toBe(cookies['signet_rt']);
  expect(renewed['signet_at']).not.toBe(cookies['signet_at']);
});

test('a sign-out by cookie ends the session and deletes the cookies', async () => {
  const headers = withCookies({ 'x-csrf-token': csrf });
  const out = await system.rest('POST', '/auth/logout', { headers });
  expect(out.status).toBe(200);
  for (const line of out.headers.getSetCookie()) expect(line).toMatch(/^signet_[ar]t=; Max-Age=0;/);
  const after = await system.rest('POST', '/auth/refresh', { headers });
  expect(after.json.code).toBe('INVALID_REFRESH_TOKEN');
  expect(after.headers.getSetCookie()).toHaveLength(2);
});

test('an access token cookie alone does not sign out', async () => {
  const headers = { cookie: `signet_at=${cookies['signet_at']}` };
  await system.rest('POST', '/auth/logout', { headers });
  expect((await system.rest('GET', '/auth/verify', { headers })).status).toBe(200);
});

test('a sign-out with an access token and cookies ends the session of the token and needs no CSRF token', async () => {
  const { access } = await system.person();
  const headers = withCookies({ authorization: `Bearer ${access}` });
  expect((await system.rest('POST', '/auth/logout', { headers })).status).toBe(200);
  expect((await system.rest('GET', '/auth/verify', { token: access })).status).toBe(401);
  expect((await system.rest('GET', '/auth/verify', { headers: withCookies() })).status).toBe(200);
});

test('a stale cookie does not prevent a sign-in', async () => {
  const { email, password } = person;
  const headers = { cookie: 'signet_at=stale; signet_rt=stale' };
  const login = await system.rest('POST', '/auth/login', { body: { email, password }, headers });
  system.secret(login.json.access_token);
  expect(login.status).toBe(200);
});

describe('the origin of a request', () => {
  test.each([
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'cross-site', origin: page }, 200],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    [{ origin: 'http://localhost:8080' }, 200],
    [{ origin: 'http://localhost:8081' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: `${page}.evil.example` }, 403],
    [{}, 200],
  ])('%j yields %i', async (headers, status) => {
    const options = { body: { bio: 'x' }, headers: withCookies({ 'x-csrf-token': csrf, ...headers }) };
    expect((await system.rest('PATCH', '/users/profile', options)).status).toBe(status);
    expect((await system.rest('GET', '/users/profile', { headers: withCookies(headers) })).status).toBe(200);
  });
});

describe('two cookies with the same name', () => {
  const line = (name: string, ...values: (string | undefined)[]) =>
    values.map((value) => `${name}=${value}`).join('; ');
  /** One Cookie header, or one per cookie as HTTP/2 allows. */
  const ways = (pairs: string) => [[pairs], pairs.split('; ')];
  const ask = (method: string, path: string, lines: string[], headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const all = { ...headers, cookie: lines as never };
      const sent = request(`${system.edge}${path}`, { method, headers: all }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.on('error', reject);
      sent.end();
    });

  test('authenticate no user, in either order, over REST and Connect', async () => {
    const other = await system.person();
    const [own, planted] = [cookies['signet_at'], other.access];
    for (const pairs of [
      line('signet_at', own, planted),
      line('signet_at', planted, own),
      line('signet_at', own, own),
      line('signet_at', '', own),
      `a=1; ${line('signet_at', own)}; b=2; ${line('signet_at', planted)}`,
    ])
      for (const lines of ways(pairs)) {
        expect(await ask('GET', '/api/v1/users/profile', lines)).toBe(401);
        const connect = '/signet.user.v1.UserService/GetProfile?encoding=json&message=%7B%7D&connect=v1';
        expect(await ask('GET', connect, lines)).toBe(401);
      }
    for (const lines of ways(line('signet_at', own)))
      expect(await ask('GET', '/api/v1/users/profile', lines)).toBe(200);
  });

  test('refresh no session and end none', async () => {
    const other = await system.person();
    const [own, planted] = [cookies['signet_rt'], other.refresh];
    for (const token of [csrf, other.csrf])
      for (const pairs of [line('signet_rt', own, planted), line('signet_rt', planted, own)])
        for (const lines of ways(pairs)) {
          expect(await ask('POST', '/api/v1/auth/refresh', lines, { 'x-csrf-token': token })).toBe(401);
          expect(await ask('POST', '/api/v1/auth/logout', lines, { 'x-csrf-token': token })).toBe(200);
        }
    expect((await system.rest('GET', '/auth/verify', { token: other.access })).status).toBe(200);
    expect((await system.rest('GET', '/auth/verify', { headers: withCookies() })).status).toBe(200);
  });
});

test('a sign-in creates a new session and does not use planted cookies', async () => {
  const attacker = await system.person();
  const { email, password } = person;
  const planted = `signet_at=${attacker.access}; signet_rt=${attacker.refresh}`;
  const headers = { cookie: planted, 'x-csrf-token': attacker.csrf };
  const login = await system.rest('POST', '/auth/login', { body: { email, password, transport: 'cookie' }, headers });
  const given = cookiesOf(login);
  const sidOf = async (token: string | undefined) =>
    (await system.rest('GET', '/auth/verify', { headers: { cookie: `signet_at=${token}` } })).json.claims.sid;
  const sids = await Promise.all([given['signet_at'], cookies['signet_at'], attacker.access].map(sidOf));
  expect(new Set(sids).size).toBe(3);
  expect([attacker.csrf, csrf]).not.toContain(system.secret(login.json.csrf_token));
});

test('a sign-in from another site is refused and does not count against the sign-in limit', async () => {
  const counting = await openSystem({ shape: 'one process', env: { SIGNET_RATE_LIMIT: '9' } });
  const { email, password } = await counting.person();
  const body = { email, password, transport: 'cookie' };
  const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  for (let count = 0; count < 20; count++) {
    const refused = await counting.rest('POST', '/auth/login', { body, headers: elsewhere });
    expect([refused.json.code, refused.headers.getSetCookie()]).toEqual(['CROSS_ORIGIN', []]);
  }
  const own = await counting.rest('POST', '/auth/login', { body, headers: { 'sec-fetch-site': 'same-origin' } });
  expect(own.status).toBe(200);
  counting.secret(own.json.csrf_token);
  await counting.close();
});

describe('CORS', () => {
  const preflight = (origin: string) =>
    system.rest('OPTIONS', '/users/profile', { headers: { origin, 'access-control-request-method': 'PATCH' } });

  test('allows a listed origin, with credentials', async () => {
    const { status, headers } = await preflight(page);
    expect([
      status,
      headers.get('access-control-allow-origin'),
      headers.get('access-control-allow-credentials'),
    ]).toEqual([204, page, 'true']);
  });

  test.each([
    'https://evil.example',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://evil-app.example.com',
    'https://APP.example.com',
    'null',
    '*',
    'file://',
    'https://app.example.com/',
    'https://app.example.com@evil.example',
    'https://app.example.com.',
    'https://sub.app.example.com',
    'https://example.com',
    'https://app.example.comx',
    'https://app_example.com',
    'https://xn--pp-9ja.example.com',
    'https://127.0.0.1',
    'https://app.example.com, https://app.example.com',
    ' ',
  ])('rejects %s', async (origin) => {
    expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    const { headers } = await system.rest('GET', '/auth/verify', { headers: withCookies({ origin }) });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    const change = await system.rest('POST', '/auth/refresh', {
      headers: withCookies({ origin, 'x-csrf-token': csrf }),
    });
    expect([change.json.code, change.headers.get('access-control-allow-origin')]).toEqual(['CROSS_ORIGIN', null]);
  });

  test('allows the tracing headers of a listed origin', async () => {
    const wanted = ['traceparent', 'tracestate', 'baggage', 'sentry-trace', 'authorization', 'x-csrf-token'];
    const { headers } = await system.rest('OPTIONS', '/users/profile', {
      headers: {
        origin: page,
        'access-control-request-method': 'GET',
        'access-control-request-headers': wanted.join(),
      },
    });
    const allowed = (headers.get('access-control-allow-headers') ?? '').toLowerCase().split(/, */);
    expect(allowed).toEqual(expect.arrayContaining(wanted));
    const traced = await system.rest('GET', '/auth/verify', {
      headers: withCookies({ origin: page, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }),
    });
    expect([traced.status, traced.headers.get('access-control-allow-origin')]).toEqual([200, page]);
  });

  test.each(['//.well-known/jwks.json', '/auth/public-key'])(
    'public reads allow every origin, without credentials: %s',
    async (path) => {
      const url = path.startsWith('//') ? path.slice(1) : `/api/v1${path}`;
      const originsAt = async (base: string, origin?: string) => {
        const { status, headers } = await askAt(`${base}${url}`, 'GET', { headers: origin ? { origin } : {} });
        expect(status).toBe(200);
        return headers.get('access-control-allow-origin');
      };
      for (const origin of [undefined, 'https://evil.example', 'null']) {
        expect(await originsAt(system.edge, origin)).toBe('*');
        expect(await originsAt(system.auth, origin)).toBe('*');
      }
      expect(await originsAt(system.edge, page), 'a listed origin, with credentials').toBe(page);
    },
  );

  test('other requests of unlisted origins get no CORS headers', async () => {
    const origin = 'https://evil.example';
    const verify = await system.rest('GET', '/auth/verify', { headers: { origin } });
    const login = await system.rest('POST', '/auth/login', {
      headers: { origin, authorization: 'Bearer x' },
      body: {},
    });
    for (const { headers } of [verify, login]) expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a response to a listed origin names that origin and exposes the headers it needs', async () => {
    for (const path of ['/auth/verify', '/users/profile', '/nowhere']) {
      const { headers } = await system.rest('GET', path, { headers: withCookies({ origin: page }) });
      expect(headers.get('access-control-allow-origin')).toBe(page);
      expect(headers.get('access-control-allow-credentials')).toBe('true');
      expect(headers.get('vary')?.toLowerCase()).toContain('origin');
      expect(headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
    }
  });
});

test('SIGNET_CSRF=always requires the CSRF token also with an Authorization header', async () => {
  const strict = await openSystem({ shape: 'one process', env: { SIGNET_CSRF: 'always' } });
  const { access, csrf: own } = await strict.person();
  const change = (headers: Record<string, string>) =>
    strict.rest('PATCH', '/users/profile', { body: { bio: 'x' }, token: access, headers });
  expect((await change({})).json.code).toBe('CSRF_REQUIRED');
  expect((await change({ 'x-csrf-token': own })).status).toBe(200);
  expect((await strict.rest('GET', '/users/profile', { token: access })).status).toBe(200);
  await strict.close();
});

test.each([
  ['GET', '/users/profile', 401],
  ['GET', '/nowhere', 404],
  ['GET', '/auth/public-key', 200],
  ['POST', '/users/profile', 405],
])('%s %s carries the security headers', async (method, path, status) => {
  const answer = await system.rest(method, path);
  expect(answer.status).toBe(status);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    'referrer-policy': 'no-referrer',
    'strict-transport-security': expect.stringContaining('max-age='),
    'x-content-type-options': 'nosniff',
  });
});
