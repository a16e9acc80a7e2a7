import { Code, ConnectError, type ConnectRouter, createClient, createRouterTransport } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { RevocationService } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { guardedConnect, userOf } from './connect.ts';
import { refusalReasonOf } from './error.ts';
import { createGuard, type Guard } from './guard.ts';
import { localJwks } from './jwks.ts';

let issuer: TestIssuer;
let guard: Guard;
let calls: number;

beforeEach(async () => {
  calls = 0;
  issuer = await createTestIssuer();
  guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations: 'none',
  });
});
afterEach(() => guard.close());

/** A class as implementation: its methods need `this`. */
class Echo {
  readonly greeting = 'Hello';
  private(_: unknown, { values }: { values: Parameters<typeof userOf>[0] }) {
    calls += 1;
    return { text: `${this.greeting}, ${userOf(values).subject}` };
  }
  adminOnly() {
    calls += 1;
    return { text: this.greeting };
  }
  echo({ text }: { text: string }) {
    return { text };
  }
}

function routes(router: ConnectRouter): void {
  router.service(EchoService, new Echo());
}

const asUser = async (user?: Parameters<TestIssuer['userToken']>[0]) => ({
  headers: { authorization: `Bearer ${await issuer.userToken(user)}` },
});

/** Behaves like Connect before 2.2, which ignores the option `requestGate`. */
function ungated({ service, rpc, handlers }: ConnectRouter): ConnectRouter {
  const old: ConnectRouter = {
    handlers,
    service(desc, implementation, options) {
      service(desc, implementation, options && { ...options, requestGate: undefined as never });
      return old;
    },
    rpc(method, implementation, options) {
      rpc(method, implementation, options && { ...options, requestGate: undefined as never });
      return old;
    },
  };
  return old;
}

const protocols = { gRPC: createGrpcTransport, Connect: createConnectTransport } as const;
test.each(['gRPC', 'Connect'] as const)('enforces the rules of the contract over %s', async (protocol) => {
  const server = createServer({}, connectNodeAdapter(guardedConnect(guard, routes)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient(EchoService, protocols[protocol]({ baseUrl, httpVersion: '2' }));
  const sub = crypto.randomUUID();
  expect((await client.private({}, await asUser({ sub }))).text).toBe(`Hello, ${sub}`);
  expect((await client.echo({ text: 'public' })).text).toBe('public');
  expect(refusalReasonOf(await client.private({}).catch((error: unknown) => error))).toBe('TOKEN_REQUIRED');
  expect(refusalReasonOf(await client.adminOnly({}, await asUser()).catch((error: unknown) => error))).toBe(
    'INSUFFICIENT_SCOPE',
  );
  expect(calls).toBe(1);
  server.close();
});

describe('a gate that does not run', () => {
  test('prevents the start if Connect ignores it', () => {
    const mounted = guardedConnect(guard, routes);
    expect(() => createRouterTransport((router) => mounted.routes(ungated(router)))).toThrow(
      'The guard needs @connectrpc/connect 2.2.0 or newer',
    );
  });

  const methods = ['private', 'adminOnly', 'echo'] as const;
  test.each(methods)('keeps calls from handlers if the option is not passed on: %s', async (name) => {
    const { routes: only } = guardedConnect(guard, routes);
    const client = createClient(EchoService, createRouterTransport(only));
    const error = ConnectError.from(await client[name]({}, await asUser()).catch((thrown: unknown) => thrown));
    expect([error.code, error.rawMessage, calls]).toEqual([Code.Internal, 'The guard is not in force.', 0]);
  });

  test('keeps calls from handlers if options of the service replace it', async () => {
    const mounted = guardedConnect(guard, (router) => {
      router.service(EchoService, new Echo(), { requestGate: async () => undefined });
      router.rpc(EchoService.method.adminOnly, () => ({ text: 'Hello' }), { requestGate: async () => undefined });
    });
    const client = createClient(EchoService, createRouterTransport(mounted.routes, { router: mounted }));
    await expect(client.private({}, await asUser())).rejects.toThrow('not in force');
    await expect(client.adminOnly({}, await asUser())).rejects.toThrow('not in force');
    expect(calls).toBe(0);
  });
});

test('the probe of Connect leaves no handler behind', () => {
  let paths: string[] = [];
  createRouterTransport((router) => {
    guardedConnect(guard, routes).routes(router);
    paths = router.handlers.map(({ requestPath }) => requestPath);
  });
  expect(paths).toHaveLength(EchoService.methods.length);
  expect(paths.every((path) => path.startsWith('/signet.test.v1.EchoService/'))).toBe(true);
});

test('does not mount a service whose method has no valid rule', () => {
  const bare = { ...EchoService.method.echo, proto: { ...EchoService.method.echo.proto, options: undefined } };
  const mount = (add: (router: ConnectRouter) => unknown) => () =>
    createRouterTransport(guardedConnect(guard, add).routes);
  expect(mount((router) => router.rpc(bare as never, (() => ({})) as never))).toThrow('no access rule');
  expect(mount((router) => router.service({ ...EchoService, methods: [bare] } as never, {}))).toThrow('no access rule');
  expect(mount((router) => router.service(RevocationService, {}))).not.toThrow();
});
