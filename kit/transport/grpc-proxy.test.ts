import { createClient } from '@connectrpc/connect';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { createServiceGuard } from '#kit/guard/service-guard.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { startAuthServer } from '#kit/testing/auth-server.ts';
import { startJwksServer } from '#kit/testing/jwks-server.ts';
import { createTestIssuer } from '#kit/testing/tokens.ts';
import { mount } from '#kit/call/app.ts';
import { createGrpcTransport } from './grpc-client.ts';
import { serveGrpc } from './grpc-server.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { createService } from '#kit/service/stack.ts';

let proxy: Server;
let connections: number;
beforeEach(async () => {
  connections = 0;
  proxy = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  for (const name of ['grpc_proxy', 'http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'])
    vi.stubEnv(name, url);
  for (const name of ['no_proxy', 'NO_PROXY', 'no_grpc_proxy']) vi.stubEnv(name, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  proxy.close();
  await once(proxy, 'close');
});

test("a channel between services ignores the environment's proxy", async () => {
  const app = createService({
    mounted: [mount(EchoService, { echo: ({ text }) => ({ text }) })],
    log: silentLog,
    metrics: noMetrics,
    ready: async () => undefined,
    reflection: false,
    checks: [],
  });
  const server = await serveGrpc(app, { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`localhost:${server.port}`, [EchoService]);
  expect((await createClient(EchoService, transport).echo({ text: 'hi' })).text).toBe('hi');
  transport.close();
  await server.close();
  expect(connections).toBe(0);
});

test('the guard of a third-party service ignores it too', async () => {
  const issuer = await createTestIssuer();
  const jwks = await startJwksServer(() => issuer.jwks());
  const auth = await startAuthServer(() => issuer, ['order']);
  const guard = createServiceGuard({
    name: 'order',
    key: generateServiceKey().key,
    authUrl: auth.url,
    jwksUrl: jwks.url,
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
  });
  await guard.ready();
  expect((await guard.verify(await issuer.userToken())).roles).toEqual(['user']);
  guard.close();
  await Promise.all([auth.close(), jwks.close()]);
  expect(connections).toBe(0);
});
