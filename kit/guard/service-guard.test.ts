import { createClient } from '@connectrpc/connect';
import { createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { type AuthServer, startAuthServer } from '#kit/testing/auth-server.ts';
import { type JwksServer, startJwksServer } from '#kit/testing/jwks-server.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { createServiceGuard, type ServiceGuard, type ServiceGuardOptions } from './service-guard.ts';
import type { Trouble } from './trouble.ts';

const { key } = generateServiceKey();
let issuer: TestIssuer;
let jwks: JwksServer;
let auth: AuthServer;
let guard: ServiceGuard | undefined;
let troubles: readonly Trouble[];

beforeEach(async () => {
  jwks = await startJwksServer(() => issuer.jwks());
  issuer = await createTestIssuer({ issuer: new URL(jwks.url).origin });
  auth = await startAuthServer(() => issuer, ['order']);
  troubles = [];
});
afterEach(async () => {
  guard?.close();
  guard = undefined;
  await Promise.all([auth.close(), jwks.close()]);
});

function open(options: Partial<ServiceGuardOptions> = {}): ServiceGuard {
  return (guard = createServiceGuard({
    name: 'order',
    key,
    authUrl: auth.url,
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    onTrouble: (all) => (troubles = all),
    ...options,
  }));
}

test('verifies tokens and watches revocations, given a name and a key', async () => {
  const mine = open();
  await mine.ready();
  const token = await issuer.userToken({ sid: 'session' });
  expect((await mine.verify(token)).sessionId).toBe('session');
  auth.revoke('session');
  await expect.poll(() => mine.verify(token).catch(String), { interval: 5 }).toContain('not valid');
});

test('sends its own token to other services', async () => {
  const mine = open();
  await mine.ready();
  const transport = createRouterTransport(({ service }) => {
    service(EchoService, {
      anyService: async (_, { requestHeader }) => ({ text: (await mine.caller(requestHeader))?.service ?? '' }),
    });
  });
  expect((await createClient(EchoService, mine.asService(transport)).anyService({})).text).toBe('order');
});

test('is not ready with a wrong URL of the keys, and reports the URL', async () => {
  const jwksUrl = `${issuer.issuer}/wrong`;
  jwks.status = 404;
  const mine = open({ jwksUrl });
  await expect.poll(() => troubles).toEqual([{ need: 'keys', why: `${jwksUrl}: HTTP status 404` }]);
  expect([mine.isReady(), mine.obstacle()]).toEqual([false, 'keys']);
});

test('is not ready with a key that the auth service does not know, and reports it', async () => {
  const mine = open({ name: 'stranger' });
  await expect
    .poll(() => troubles)
    .toEqual([{ need: 'service_key', why: expect.stringContaining("does not know this service's name and key") }]);
  expect([mine.isReady(), mine.obstacle()]).toEqual([false, 'service_key']);
});

test('is not ready while the auth service is unavailable, and reports it', async () => {
  const url = auth.url;
  await auth.close();
  const mine = open({ authUrl: url });
  await expect.poll(() => troubles).toEqual([{ need: 'revocations', why: expect.stringContaining('ECONNREFUSED') }]);
  expect(mine.obstacle()).toBe('revocations');
  auth = await startAuthServer(() => issuer, ['order']);
});

test.each<[object, string]>([
  [{ key: 'short' }, 'not 32 bytes'],
  [{ key: undefined }, 'key'],
  [{ name: '' }, 'name'],
  [{ authUrl: 'http://auth.example.com:9081' }, 'insecureHttp'],
  [{ authUrl: 'localhost:9081' }, 'https://'],
  [{ jwksUrl: 'http://auth.example.com/jwks.json' }, 'insecureHttp'],
  [{ clockSkew: Number.NaN }, 'clockSkew'],
  [{ revocations: 'none' }, 'unknown: revocations'],
  [{ jwks: 'https://issuer.test' }, 'unknown: jwks'],
])('throws on %j', (wrong, message) => {
  expect(() => open(wrong as Partial<ServiceGuardOptions>)).toThrow(message);
});
