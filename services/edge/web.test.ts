import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { createGuard, type Guard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { createTestIssuer } from '#kit/testing/tokens.ts';
import { buildEdge, type Edge } from './build.ts';
import { keys } from './config.ts';

let guard: Guard;
let edge: Edge;
let door: Door;
beforeAll(async () => {
  const issuer = await createTestIssuer({ issuer: 'http://localhost:8080' });
  guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: 'none',
  });
  const { serviceKey: _key, alg: _alg, ...own } = keys;
  // The pages are also served in production.
  const config = readConfig(own, { SIGNET_ISSUER: issuer.issuer, NODE_ENV: 'production' });
  edge = await buildEdge({ config, guard, upstreams: [], log: silentLog, metrics: noMetrics });
  door = await openDoor({ ...edge, port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await door.close();
  edge.close();
  guard.close();
});

const ask = async (path: string, method = 'GET') => {
  const answer = await fetch(`http://127.0.0.1:${door.port}${path}`, { method, redirect: 'manual' });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

const documents = ['/reset-password', '/verify-email', '/shop', '/ride'];

describe.each(documents)('%s', (path) => {
  test('is a page that no cache stores, no other site frames, and no link leaks', async () => {
    const { status, headers, text } = await ask(path);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-frame-options')).toBe('DENY');
    const csp = headers.get('content-security-policy')!;
    for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'none'"])
      expect(csp.split('; ')).toContain(directive);
    expect(csp).not.toMatch(/unsafe|https?:|\*/);
    expect(text).toContain('<noscript>');
  });

  test('has no inline script and no inline style, and loads only files that are served', async () => {
    const { text } = await ask(path);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    for (const [tag] of text.matchAll(/<script[^>]*>/g)) expect(tag).toMatch(/ src="/);
    const named = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, at]) => at!);
    expect(named.length).toBeGreaterThan(2);
    for (const at of named) {
      expect(at).toMatch(/^\/[a-z]/);
      expect((await ask(at)).status, at).toBe(200);
    }
  });

  test('supports HEAD, and no other method', async () => {
    const head = await ask(path, 'HEAD');
    expect([head.status, head.text, head.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers, text } = await ask(path, method);
      expect([status, JSON.parse(text).code], method).toEqual([405, 'METHOD_NOT_ALLOWED']);
      expect(headers.get('allow')).toBe('GET, HEAD');
    }
  });
});

test.each(Object.entries({ '/': '/docs', '/docs/': '/docs', '/shop/': '/shop', '/ride/': '/ride' }))(
  '%s leads to %s',
  async (path, to) => {
    const { status, headers } = await ask(path);
    expect([status, headers.get('location')]).toEqual([302, to]);
  },
);

test('a script has its type and may be cached after validation', async () => {
  const { headers } = await ask('/account/session.js');
  expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-cache');
  expect(headers.get('etag')).toMatch(/^"/);
});

test('every imported module is served', async () => {
  const seen = new Set<string>();
  async function follow(at: string): Promise<void> {
    if (seen.has(at)) return;
    seen.add(at);
    const { status, text } = await ask(at);
    expect(status, at).toBe(200);
    const imports = [...text.matchAll(/^(?:import|export)\b[^'"]*from '([^']+)'|^import '([^']+)'/gm)];
    await Promise.all(imports.map(([, from, bare]) => follow(new URL((from ?? bare)!, `http://x${at}`).pathname)));
  }
  for (const path of documents)
    for (const [, at] of (await ask(path)).text.matchAll(/<script[^>]* src="([^"]+)"/g)) await follow(at!);
  expect(seen.size).toBeGreaterThanOrEqual(15);
});

test.each([
  '/account',
  '/shared',
  '/shared/money.test.ts',
  '/shop/index.html',
  '/ride/index.html',
  '/shop/views',
  '/account/',
  '/account/nothing.js',
  '/account/reset-password.html',
  '/account/../package.json',
  '/account/%2e%2e/%2e%2e/package.json',
  '/reset-password/x',
  '/verify-email.html',
  '/web/account/session.js',
])('%s is NOT_FOUND', async (path) => {
  const { status, text } = await ask(path);
  expect([status, JSON.parse(text).code]).toEqual([404, 'NOT_FOUND']);
});
