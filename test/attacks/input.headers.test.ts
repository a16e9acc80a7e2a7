import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { openSystem, type Person, type System } from '../system.ts';
import { pickerOf, seededRandom } from './random.ts';
import { openSplitEdge } from './rig.ts';
import { requestText, sendRaw } from './wire.ts';

let system: System;
let ada: Person;
let split: Awaited<ReturnType<typeof openSplitEdge>>;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_SESSION_LIMIT: '1000' } });
  ada = await system.person();
  split = await openSplitEdge(system);
});
afterAll(async () => {
  await split.close();
  await system.close();
});

/** The edge of the single process, and an edge that calls the services over gRPC. */
const edges: [string, () => string][] = [
  ['in one process', () => system.edge],
  ['over gRPC', () => split.edge],
];

afterEach(expectWorking);

async function expectWorking(): Promise<void> {
  for (const [name, base] of edges) expect((await get(base(), [signedIn()])).status, name).toBe(200);
}

const signedIn = () => `Authorization: Bearer ${ada.access}`;
const profile = '/api/v1/users/profile';
const get = (base: string, headers: readonly string[]) => sendRaw(base, requestText('GET', profile, { headers }));

function login(base: string, headers: readonly string[]) {
  const body = JSON.stringify({ email: ada.email, password: ada.password });
  const all = ['Content-Type: application/json', ...headers];
  return sendRaw(base, requestText('POST', '/api/v1/auth/login', { headers: all, body }));
}

describe.each(edges)('headers at an edge %s', (_, base) => {
  test('are accepted up to 16 KiB in total and refused above', async () => {
    const room = 16 * 1024 - requestText('GET', profile, { headers: [signedIn(), 'User-Agent: '] }).length;
    expect((await get(base(), [signedIn(), `User-Agent: ${'x'.repeat(room - 1_200)}`])).status).toBe(200);
    expect((await get(base(), [signedIn(), `User-Agent: ${'x'.repeat(room + 200)}`])).status).toBe(431);
  });

  test('are accepted above 8 KiB in one header and refused at 64 KiB', async () => {
    expect((await get(base(), [signedIn(), `X-Any: ${'x'.repeat(8_192)}`])).status).toBe(200);
    expect((await get(base(), [signedIn(), `X-Any: ${'x'.repeat(8_193)}`])).status).toBe(200);
    expect((await get(base(), [signedIn(), `X-Any: ${'x'.repeat(65_536)}`])).status).toBe(431);
  });

  test('are accepted when there are 200', async () => {
    const many = Array.from({ length: 200 }, (__, index) => `X-${index}: a`);
    expect((await get(base(), [signedIn(), ...many])).status).toBe(200);
  });

  // Headers that the edge forwards to the services or reads itself.
  test.each([
    'User-Agent',
    'Accept-Language',
    'Idempotency-Key',
    'X-CSRF-Token',
    'X-Request-Id',
    'Traceparent',
    'Tracestate',
    'Origin',
    'Sec-Fetch-Site',
    'If-None-Match',
    'Accept-Encoding',
    'Connect-Timeout-Ms',
    'Grpc-Timeout',
    'Cookie',
  ])('accepts %s with bytes that gRPC metadata cannot carry', async (name) => {
    const trace = name === 'Tracestate' ? ['Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'] : [];
    // A write needs a trusted origin, and an invalid value is none.
    const signingIn = name === 'Origin' || name === 'Sec-Fetch-Site' ? 403 : 200;
    for (const value of [
      'caf\u00e9',
      '\u00ff\u0080',
      'a\tb',
      '%0d%0aX: y',
      '\u00e2\u0082\u00ac',
      '',
      ',,,',
      'x'.repeat(9_000),
    ]) {
      const answers = [
        await get(base(), [signedIn(), ...trace, `${name}: ${value}`]),
        await login(base(), [...trace, `${name}: ${value}`]),
      ];
      expect(
        answers.map(({ status }) => status),
        JSON.stringify(value.slice(0, 20)),
      ).toEqual([200, signingIn]);
    }
  });

  test.each([
    'a%0Ab',
    '%0d%0aX-Signet-Caller:%20x',
    '%E2%82%AC',
    '%C3%A9',
    '%00',
    '%',
    '%zz',
    '"x"',
    'a=b',
    'x%3B%20signet_rt%3Dy',
  ])('refuses a cookie of %s as an invalid token', async (value) => {
    expect((await get(base(), [`Cookie: signet_at=${value}`])).status).toBe(401);
    const headers = [`Cookie: signet_rt=${value}`, 'Content-Type: application/json'];
    for (const path of ['/api/v1/auth/refresh', '/signet.auth.v1.AuthService/Refresh'])
      expect((await sendRaw(base(), requestText('POST', path, { headers, body: '{}' }))).status).toBe(401);
  });

  test('a malformed Authorization header does not prevent a sign-in', async () => {
    for (const value of ['caf\u00e9', 'Bearer \u00e9', 'Bearer x,y', '\u00ff', 'Basic YTpi'])
      expect((await login(base(), [`Authorization: ${value}`])).status).toBe(200);
  });
});

describe('X-Request-Id', () => {
  const echoed = async (sent: string) => {
    const answer = await get(system.edge, [signedIn(), `X-Request-Id: ${sent}`]);
    expect(answer.status).toBe(200);
    return /^x-request-id: (.*)\r$/im.exec(answer.text)?.[1];
  };

  test('is returned when valid', async () => {
    expect(await echoed('a-1_b.C')).toBe('a-1_b.C');
    expect(await echoed('x'.repeat(64))).toBe('x'.repeat(64));
  });

  test.each([
    'x'.repeat(65),
    'x'.repeat(10_240),
    'a b',
    '%0d%0aSet-Cookie: a=b',
    'caf\u00e9',
    '"><script>',
    '${jndi:ldap://x}',
    '{"a":1}',
    '',
  ])('is replaced when invalid: %j', async (sent) => {
    expect(await echoed(sent)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('is refused with a control character, like any header', async () => {
    expect((await get(system.edge, [signedIn(), 'X-Request-Id: \u001b[31m'])).status).toBe(400);
  });

  test('cannot inject a header', async () => {
    for (const sent of ['a\r\nSet-Cookie: a=b', 'a\nSet-Cookie: a=b', 'a\rSet-Cookie: a=b', 'a\0b']) {
      const answer = await get(system.edge, [signedIn(), `X-Request-Id: ${sent}`]);
      expect([200, 400]).toContain(answer.status);
      expect(answer.text.toLowerCase()).not.toContain('set-cookie');
    }
  });

  test('is validated also for an error before routing', async () => {
    for (const sent of ['a:b', 'x'.repeat(65)]) {
      const answer = await sendRaw(system.edge, requestText('GET', '/nowhere', { headers: [`X-Request-Id: ${sent}`] }));
      expect(answer.text).not.toContain(sent);
    }
  });
});

describe('headers that claim an identity', () => {
  const names = ['signet', 'user', 'gateway'].flatMap((whose) =>
    [
      'id',
      'sub',
      'email',
      'roles',
      'role',
      'scope',
      'peer',
      'agent',
      'caller',
      'admin',
      'session',
      'token',
      'claims',
    ].map((what) => `x-${whose}-${what}`),
  );
  const others = [
    'x-forwarded-for',
    'x-real-ip',
    'forwarded',
    'x-forwarded-host',
    'x-forwarded-proto',
    'true-client-ip',
    'cf-connecting-ip',
    'x-original-url',
    'x-http-method-override',
    'x-remote-user',
    'remote-user',
    'x_signet_caller',
  ];

  test('change nothing: 500 requests with random ones get the same response as one without', async () => {
    const next = seededRandom(7);
    const pick = pickerOf(next);
    const eve = await system.person();
    const values = [
      eve.id,
      eve.email,
      'admin',
      '["admin"]',
      '6.6.6.6',
      '::1',
      '127.0.0.1',
      eve.access,
      'true',
      'DELETE',
      '/admin',
    ];
    const plain = await system.rest('GET', '/users/profile', { token: ada.access });
    for (let count = 0; count < 500; count += 1) {
      const headers = Array.from({ length: 1 + Math.floor(next() * 6) }, (): [string, string] => [
        pick([...names, ...others]),
        pick(values),
      ]);
      const answer = await system.rest('GET', '/users/profile', { token: ada.access, headers });
      expect([answer.status, answer.text], JSON.stringify(headers)).toEqual([200, plain.text]);
      if (count % 10 > 0) continue;
      expect((await system.rest('GET', '/users/profile', { headers })).status).toBe(401);
    }
  });

  test.each(edges)('do not change the address of a session, at an edge %s', async (_, base) => {
    const db = new Client(connection(system.database.url));
    await db.connect();
    for (const name of [
      'X-Signet-Peer',
      'X-Forwarded-For',
      'X-Real-IP',
      'Forwarded',
      'x-signet-peer, x'.slice(0, 13),
    ]) {
      const answer = await login(base(), [`${name}: 6.6.6.6`, 'X-Signet-Agent: forged', 'User-Agent: honest']);
      expect(answer.status).toBe(200);
      const { rows } = await db.query('SELECT ip, device_label FROM auth.sessions ORDER BY created_at DESC LIMIT 1');
      expect(rows).toEqual([{ ip: '127.0.0.1', device_label: 'honest' }]);
    }
    await db.end();
  });
});
