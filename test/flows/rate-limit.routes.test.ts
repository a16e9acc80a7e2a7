import { afterAll, beforeAll, expect, test } from 'vitest';
import { budgetsOf } from '../../services/edge/rate-limit.ts';
import { ask, openSystem, type System } from '../system.ts';

const perMinute = 20;
const origin = 'https://app.example.com';
let system: System;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_RATE_LIMIT: String(perMinute), SIGNET_CORS_ORIGINS: origin } });
});
afterAll(() => system.close());

const call = '/signet.auth.v1.AuthService/GetJwks';

test.each([
  ['GET', '/'],
  ['GET', '/docs'],
  ['HEAD', '/docs'],
  ['GET', '/docs/json'],
  ['GET', '/docs/static/swagger-ui-bundle.js'],
  ['GET', '/openapi.json'],
  ['GET', '/health'],
  ['HEAD', '/health'],
  ['GET', '/ready'],
  ['GET', '/nowhere'],
  ['POST', '/api/v1/nowhere'],
  ['DELETE', '/api/v1/auth/login'],
  ['GET', '/.well-known/jwks.json'],
  ['GET', call],
  ['PUT', call],
])('%s %s counts against the rate limit', async (method, path) => {
  const answer = await ask(`${system.edge}${path}`, method);
  expect(answer.headers.get('ratelimit'), answer.text).toMatch(/^"light";r=\d+;t=\d+$/);
});

test('a method request of an unknown protocol counts against the rate limit', async () => {
  const answer = await ask(`${system.edge}${call}`, 'POST', {
    body: '<xml/>',
    headers: { 'content-type': 'text/xml' },
  });
  expect([answer.status, answer.headers.get('ratelimit')]).toEqual([415, expect.stringMatching(/^"light"/)]);
});

test.each([
  ['a preflight of a listed origin', { origin, 'access-control-request-method': 'POST' }],
  ['a preflight of another origin', { origin: 'https://evil.example', 'access-control-request-method': 'POST' }],
  ['a request with OPTIONS', {}],
])('%s counts against the rate limit, on pages and methods', async (_, headers) => {
  for (const path of ['/docs', '/nowhere', '/api/v1/auth/login', call]) {
    const answer = await ask(`${system.edge}${path}`, 'OPTIONS', { headers: headers as Record<string, string> });
    expect(answer.headers.get('ratelimit'), path).toMatch(/^"light"/);
  }
});

test('over the limit, every such request is refused with Retry-After', async () => {
  const { light } = budgetsOf(perMinute);
  const answers = await Promise.all(
    Array.from({ length: light + 20 }, () => ask(`${system.edge}/docs/static/swagger-ui.css`, 'HEAD')),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(20);
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  for (const path of ['/health', '/ready', '/nowhere', '/openapi.json']) {
    const { status, json } = await ask(`${system.edge}${path}`, 'GET');
    expect([path, status, json?.code]).toEqual([path, 429, 'RATE_LIMITED']);
  }
});
