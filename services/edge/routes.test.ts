import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { type HttpRoute, mountRoutes } from '#kit/door/http-route.ts';
import { createGuard, type Guard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import Fastify from 'fastify';
import { buildEdge, type Edge } from './build.ts';
import { keys } from './config.ts';

const csp = "default-src 'self'";
const largest = 100;
const bodies: string[] = [];

/** Sample routes: pages, a sign-in form, and endpoints of another protocol. */
const routes: HttpRoute[] = [
  { methods: ['GET'], path: '/page', access: 'public', rate: 'light', csp, answer: () => 'page' },
  { methods: ['GET'], path: '/data', access: 'public', answer: () => ({ data: true }) },
  {
    methods: ['GET', 'POST'],
    path: '/own',
    access: {},
    csp,
    answer: (_, __, { identity, header }) => ({ sub: identity.user?.subject, forged: header.get('x-user-id') }),
  },
  { methods: ['GET'], path: '/admin/page', access: { roles: ['admin'] }, answer: () => 'admin' },
  { methods: ['POST'], path: '/form', access: 'public', rate: 'credentials', answer: () => 'done' },
  {
    methods: ['POST'],
    path: '/token',
    access: 'public',
    crossOrigin: true,
    maxBodyBytes: largest,
    async answer(_request, _reply, { body }) {
      const text = (await body()).toString();
      bodies.push(text);
      return text;
    },
  },
  {
    methods: ['GET'],
    path: '/broken',
    access: 'public',
    csp,
    answer: () => {
      throw new Error('the secret reason');
    },
  },
];

const issuerUrl = 'http://localhost:8080';
let issuer: TestIssuer;
let guard: Guard;
let edge: Edge;
let door: Door;

/** An edge with these routes and no upstream. */
const lines: string[] = [];
const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });

async function openEdge(environment: Record<string, string> = {}): Promise<{ edge: Edge; door: Door }> {
  const { serviceKey: _key, alg: _alg, ...own } = keys;
  const config = readConfig(own, { SIGNET_ISSUER: issuerUrl, ...environment });
  const made = await buildEdge({ config, guard, upstreams: [], log, metrics: noMetrics });
  const open = await openDoor({ ...made, routes: async () => routes, port: 0, host: '127.0.0.1' });
  return { edge: made, door: open };
}

beforeAll(async () => {
  issuer = await createTestIssuer({ issuer: issuerUrl });
  guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: 'none',
  });
  await guard.ready();
  ({ edge, door } = await openEdge());
});
afterAll(async () => {
  await door.close();
  edge.close();
  guard.close();
});

async function ask(path: string, init: RequestInit = {}, at = door) {
  const answer = await fetch(`http://127.0.0.1:${at.port}${path}`, init);
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('a response has its own Content-Security-Policy and the common headers', async () => {
  const { status, headers, text } = await ask('/page', { headers: { 'x-request-id': 'mine' } });
  expect([status, text]).toEqual([200, 'page']);
  expect(headers.get('content-security-policy')).toBe(csp);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-request-id')).toBe('mine');
  expect(headers.get('ratelimit-policy')).toMatch(/^"light"/);
  const plain = await ask('/data');
  expect(plain.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(plain.headers.get('ratelimit-policy')).toMatch(/^"standard"/);
});

test('an error is a masked problem document with the same policy', async () => {
  const { status, headers, json, text } = await ask('/broken');
  expect([status, json.code, json.instance]).toEqual([500, 'INTERNAL', '/broken']);
  expect(text).not.toContain('secret');
  expect(headers.get('content-security-policy')).toBe(csp);
});

test('another HTTP method on a known path is refused with the allowed ones, and counted as light', async () => {
  for (const [method, path, allow] of [
    ['POST', '/page', 'GET, HEAD'],
    ['DELETE', '/own', 'GET, HEAD, POST'],
    ['GET', '/form', 'POST'],
  ] as const) {
    const { status, headers, json } = await ask(path, { method });
    expect([status, headers.get('allow')], `${method} ${path}`).toEqual([405, allow]);
    expect(json.code).toBe('METHOD_NOT_ALLOWED');
    expect(headers.get('ratelimit-policy')).toMatch(/^"light"/);
  }
});

describe('the guard', () => {
  test('requires a token unless the route is public', async () => {
    const { status, headers, json } = await ask('/own');
    expect([status, json.code, headers.get('www-authenticate')]).toEqual([401, 'TOKEN_REQUIRED', 'Bearer']);
    expect(headers.get('content-security-policy')).toBe(csp);
  });

  test('provides the identity and removes headers that claim one', async () => {
    const sub = '018f0000-0000-7000-8000-000000000001';
    const token = await issuer.userToken({ sub });
    const { json } = await ask('/own', { headers: { ...bearer(token), 'x-user-id': 'eve' } });
    expect(json).toEqual({ sub, forged: null });
  });

  test('rejects a wrong role and admits the right one', async () => {
    const refused = await ask('/admin/page', { headers: bearer(await issuer.userToken({ roles: ['user'] })) });
    expect([refused.status, refused.json.detail]).toEqual([403, 'Needs the role admin.']);
    expect((await ask('/admin/page', { headers: bearer(await issuer.userToken({ roles: ['admin'] })) })).status).toBe(
      200,
    );
  });

  test('rejects two Authorization headers', async () => {
    const token = await issuer.userToken();
    const socket = connect(door.port, '127.0.0.1');
    const line = `Authorization: Bearer ${token}\r\n`;
    socket.write(`GET /own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${line}${line}\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 401/);
    expect(answer).toContain('INVALID_TOKEN');
  });
});

describe('a browser', () => {
  const csrf = 'the token of the session';
  const hash = createHash('sha256').update(csrf).digest('base64url');
  const cookie = async () => ({ cookie: `signet_at=${await issuer.sign({ csrf: hash })}` });

  test('is authenticated by its cookie and needs the CSRF token for state changes', async () => {
    expect((await ask('/own', { headers: await cookie() })).status).toBe(200);
    const refused = await ask('/own', { method: 'POST', headers: await cookie() });
    expect([refused.status, refused.json.code]).toEqual([403, 'CSRF_REQUIRED']);
    const headers = { ...(await cookie()), 'x-csrf-token': csrf };
    expect((await ask('/own', { method: 'POST', headers })).status).toBe(200);
  });

  test('cannot change state from another site, unless the route allows it', async () => {
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const refused = await ask('/form', { method: 'POST', headers });
    expect([refused.status, refused.json.code]).toEqual([403, 'CROSS_ORIGIN']);
    expect((await ask('/form', { method: 'POST' })).status).toBe(200);
    expect((await ask('/token', { method: 'POST', headers, body: 'a=1' })).status).toBe(200);
    expect((await ask('/page', { headers })).status).toBe(200);
  });
});

describe('a body', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const chunked = (size: number) => ({
    method: 'POST',
    headers: form,
    duplex: 'half' as const,
    body: new Blob(['x'.repeat(size)]).stream(),
  });

  test('is read by the route, of any type and up to its limit', async () => {
    expect(await ask('/token', { method: 'POST', headers: form, body: 'x'.repeat(largest) })).toMatchObject({
      status: 200,
    });
    expect(await ask('/token', chunked(largest))).toMatchObject({ status: 200 });
    for (const init of [{ method: 'POST', headers: form, body: 'x'.repeat(largest + 1) }, chunked(largest + 1)]) {
      const { status, json } = await ask('/token', init);
      expect([status, json.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    }
    expect(await ask('/token', { method: 'POST' })).toMatchObject({ status: 200, text: '' });
  });

  test('is not read if the gate rejects the request', async () => {
    const socket = connect(door.port, '127.0.0.1');
    socket.write('POST /own HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401/);
    socket.destroy();
  });
});

test('writes one log line per request, with the pattern of the route and not with the query', async () => {
  lines.length = 0;
  expect((await ask('/page?token=hush', { headers: { 'x-request-id': 'request-1' } })).status).toBe(200);
  expect((await ask('/own')).status).toBe(401);
  const requests = () => lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
  await expect.poll(() => requests().length).toBe(2);
  expect(requests()).toMatchObject([
    { method: 'GET', route: '/page', request_id: 'request-1', status: 200 },
    { method: 'GET', route: '/own', status: 401 },
  ]);
  expect(lines.join('')).not.toContain('hush');
});

test('limits fifty concurrent requests of one address by the rate class of the route', async () => {
  const limited = await openEdge({ SIGNET_RATE_LIMIT: '30' });
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('/form', { method: 'POST' }, limited.door)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.length - refused.length).toBe(10);
  expect(refused[0]?.json.code).toBe('RATE_LIMITED');
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  await limited.door.close();
  limited.edge.close();
});

describe('does not start with a route that', () => {
  const gate = async () => undefined;
  const answer = () => '';
  test.each<[string, HttpRoute, typeof gate | undefined, string]>([
    ['needs a gate but has none', { methods: ['GET'], path: '/x', access: {}, answer }, undefined, 'requires a gate'],
    [
      'takes credentials from every site',
      { methods: ['POST'], path: '/x', access: {}, crossOrigin: true, answer },
      gate,
      'must not be cross-origin',
    ],
    ['has an invalid rule', { methods: ['GET'], path: '/x', access: { roles: [] }, answer }, gate, 'access rule'],
    ['has no HTTP method', { methods: [], path: '/x', access: 'public', answer }, gate, 'no HTTP method'],
  ])('%s', (_, route, given, fault) => {
    expect(() => mountRoutes(Fastify(), [route], { log: silentLog, gate: given })).toThrow(fault);
  });
});
