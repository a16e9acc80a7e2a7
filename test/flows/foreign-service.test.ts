import { createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { guardedConnect, identityOf, userOf } from '#kit/guard/connect.ts';
import { createServiceGuard, type ServiceGuard } from '#kit/guard/service-guard.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { openSystem, type System } from '../system.ts';

// A service outside Signet, with a name, a key and kit/guard.

const [greeter, machine] = [generateServiceKey(), generateServiceKey()];
let system: System;
let guard: ServiceGuard;
beforeAll(async () => {
  system = await openSystem({
    env: {
      SIGNET_SERVICES: `greeter=${greeter.publicKey},machine=${machine.publicKey}:support`,
    },
  });
  system.secret(greeter.key.reveal());
});
afterEach(() => guard.close());
afterAll(() => system.close());

function open(name: string, { key }: typeof greeter): ServiceGuard {
  return (guard = createServiceGuard({
    name,
    key,
    authUrl: `http://127.0.0.1:${system.authGrpcPort}`,
    jwksUrl: `${system.auth}/.well-known/jwks.json`,
    issuer: 'http://localhost:8080',
    audience: 'signet',
    algorithms: ['RS256'],
    onTrouble: () => undefined,
  }));
}

function serviceBehind(serviceGuard: ServiceGuard): Transport {
  const mounted = guardedConnect(serviceGuard, (router) => {
    router.service(EchoService, {
      private: (_, { values }) => ({ text: userOf(values).subject }),
      anyService: (_, { values }) => ({ text: identityOf(values).caller?.service ?? '' }),
    });
  });
  return createRouterTransport(mounted.routes, { router: mounted });
}

const outcome = (work: Promise<{ text: string }>) =>
  work.then(
    ({ text }) => text,
    (error: unknown) => reasonOf(error),
  );

test('a foreign service refuses a signed-out user within a second', async () => {
  const own = open('greeter', greeter);
  await own.ready();
  const client = createClient(EchoService, serviceBehind(own));
  const ada = await system.person();
  const ask = () => outcome(client.private({}, { headers: { authorization: `Bearer ${ada.access}` } }));
  expect(await ask()).toBe(ada.id);
  expect((await system.rest('POST', '/auth/logout', { body: { refresh_token: ada.refresh } })).status).toBe(200);
  await expect.poll(ask, { interval: 5 }).toBe('INVALID_TOKEN');
});

test('the token of a foreign service identifies it to Signet and to itself', async () => {
  const own = open('greeter', greeter);
  await own.ready();
  const client = createClient(EchoService, own.asService(serviceBehind(own)));
  expect(await outcome(client.anyService({}))).toBe('greeter');
  const ada = await system.person();
  const users = createGrpcTransport(`127.0.0.1:${system.userPort}`, [UserService]);
  const headers = { authorization: `Bearer ${ada.access}` };
  const { id } = await createClient(UserService, own.asService(users)).getProfile({}, { headers });
  expect(id).toBe(ada.id);
  users.close();
});

test.each([
  ['an unknown name', 'stranger', greeter],
  ['the key of another service', 'greeter', machine],
  ['an entry with roles (a machine)', 'machine', machine],
])('with %s, a service is not ready and accepts no token', async (_, name, pair) => {
  const own = open(name, pair);
  await expect.poll(() => own.obstacle()).toBe('service_key');
  const client = createClient(EchoService, serviceBehind(own));
  const { access } = await system.person();
  const headers = { authorization: `Bearer ${access}` };
  expect(await outcome(client.private({}, { headers }))).toBe('REVOCATIONS_STALE');
});
