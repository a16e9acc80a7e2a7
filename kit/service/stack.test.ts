import { createClient } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { connectGate } from '#kit/guard/connect.ts';
import { createGuard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { silentLog } from '#kit/log/log.ts';
import { createTestIssuer } from '#kit/testing/tokens.ts';
import { currentCall } from '#kit/call/call.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from '#kit/call/app.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { assertServes, createService } from './stack.ts';

test('a service without a guard serves only public methods', async () => {
  const app = createService({
    mounted: [mount(EchoService, { echo: () => ({ text: 'hi' }), private: () => ({ text: 'secret' }) })],
    checks: [],
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  const client = createClient(EchoService, createInProcessTransport(app));
  expect((await client.echo({})).text).toBe('hi');
  expect(await client.private({}).then(() => undefined, reasonOf)).toBe('INTERNAL');
});

test.each([
  ['an internal method', 'anyService'],
  ['a public method', 'echo'],
] as const)("verifies the calling service's token once for %s, and trusts its forwarded address", async (_, method) => {
  const issuer = await createTestIssuer();
  const asked: unknown[] = [];
  const guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: { isRevoked: (token) => asked.push(token) < 0, age: () => 0 },
  });
  await guard.ready();
  const answer = () => ({ text: currentCall()?.address ?? '' });
  const app = createService({
    mounted: [mount(EchoService, { anyService: answer, echo: answer })],
    checks: [connectGate(guard)],
    guard,
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  const client = createClient(EchoService, createInProcessTransport(app));
  const headers = { 'x-signet-caller': await issuer.callerToken('order'), 'x-signet-peer': '192.0.2.7' };
  expect((await client[method]({}, { headers })).text).toBe('192.0.2.7');
  expect(asked).toHaveLength(1);
  const forged = { ...headers, 'x-signet-caller': await issuer.userToken() };
  const refused = await client[method]({}, { headers: forged }).then(({ text }) => text, reasonOf);
  expect(refused).toBe(method === 'echo' ? '' : 'CALLER_NOT_ALLOWED');
  guard.close();
});

test('a service that does not mount what its definition says, or more, does not start', () => {
  const echo = mount(EchoService, {});
  expect(() => assertServes('echo', [EchoService], [echo])).not.toThrow();
  expect(() => assertServes('echo', [EchoService], [])).toThrow('is in its contract and not mounted');
  expect(() => assertServes('echo', [], [echo])).toThrow(
    'signet.test.v1.EchoService is mounted and not in its contract',
  );
});
