import { Code, ConnectError } from '@connectrpc/connect';
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { grpcGate, identityOfCall, statusOf, userOfCall } from './grpc.ts';
import { createGuard, type Guard } from './guard.ts';
import { localJwks } from './jwks.ts';
import type { Identity } from './policy.ts';

const echo = '/signet.test.v1.EchoService';
const same = (bytes: Buffer) => bytes;

let issuer: TestIssuer;
let guard: Guard;
let server: Server;
let client: Client;
/** Identities that the handlers received. */
let seen: Identity[];

beforeEach(async () => {
  issuer = await createTestIssuer();
  const keys = localJwks(async () => issuer.jwks());
  guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys,
    revocations: 'none',
  });
  seen = [];
  // Health is on the server, but not among the services of the gate.
  server = new Server({ interceptors: [grpcGate(guard, [EchoService])] });
  const hello: handleUnaryCall<Buffer, Buffer> = (incoming, answer) => {
    seen.push(identityOfCall(incoming));
    answer(null, Buffer.alloc(0));
  };
  const chat: handleBidiStreamingCall<Buffer, Buffer> = (incoming) => {
    incoming.on('data', (message: Buffer) => incoming.write(message));
    incoming.on('end', () => incoming.end());
  };
  for (const path of [`${echo}/Echo`, `${echo}/Inside`, '/grpc.health.v1.Health/Check']) {
    server.register(path, hello, same, same, 'unary');
  }
  server.register(`${echo}/Chat`, chat, same, same, 'bidi');
  const port = await new Promise<number>((resolve, reject) => {
    const done = (error: Error | null, bound: number) => (error ? reject(error) : resolve(bound));
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done);
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  guard.close();
  server.forceShutdown();
});

/** Calls a method and returns its status code. */
async function call(path: string, headers: Record<string, string> = {}): Promise<number> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, (error) => resolve(error?.code ?? 0));
  });
}

test('passes the calling service to the handler', async () => {
  expect(await call(`${echo}/Inside`, { 'x-signet-caller': await issuer.callerToken('order') })).toBe(0);
  expect(seen).toMatchObject([{ caller: { service: 'order' } }]);
});

test('passes no identity to the handler of a public method', async () => {
  expect(await call(`${echo}/Echo`, { authorization: 'Bearer stale' })).toBe(0);
  expect(seen).toEqual([{}]);
});

test('does not run the handler of a refused call', async () => {
  expect(await call(`${echo}/Inside`)).toBe(Code.PermissionDenied);
  expect(seen).toEqual([]);
});

test('refuses a method of an unknown service', async () => {
  expect(await call('/grpc.health.v1.Health/Check')).toBe(Code.Unimplemented);
  expect(seen).toEqual([]);
});

test('admits a stream and its messages', async () => {
  const stream = client.makeBidiStreamRequest(`${echo}/Chat`, same, same, new Metadata());
  stream.write(Buffer.from('one'));
  stream.write(Buffer.from('two'));
  stream.end();
  const received: string[] = [];
  for await (const message of stream) received.push(String(message));
  expect(received).toEqual(['one', 'two']);
});

test('does not start with a method that has no rule', () => {
  const [method] = EchoService.methods;
  const bare = { ...method, proto: { ...method?.proto, options: undefined } };
  const service = { ...EchoService, methods: [bare] } as unknown as typeof EchoService;
  expect(() => grpcGate(guard, [service])).toThrow('EchoService/Echo: no access rule');
});

test('returns no user for a call that did not pass the gate', () => {
  expect(() => userOfCall({ metadata: new Metadata() })).toThrow('An access token is required.');
});

test('hides the message of an unknown error', () => {
  const { code, details, metadata } = statusOf(new Error('password is hunter2'));
  expect(code).toBe(Code.Internal);
  expect(`${details}${JSON.stringify(metadata.toJSON())}`).not.toContain('hunter2');
});

test('passes on error details of another service', () => {
  const wire = new ConnectError('gone', Code.NotFound);
  wire.details = [{ type: 'google.rpc.ErrorInfo', value: new Uint8Array([10, 1, 65]) }];
  const status: Partial<ServiceError> = statusOf(wire);
  const bytes = status.metadata?.get('grpc-status-details-bin')[0] as Buffer;
  expect(bytes.toString('latin1')).toContain('type.googleapis.com/google.rpc.ErrorInfo');
});
