import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createClient, Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AuthServer, startAuthServer } from '#kit/testing/auth-server.ts';
import { type JwksServer, startJwksServer } from '#kit/testing/jwks-server.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { ErrorInfoSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../gen/proto/google/rpc/status_pb.ts';
import { EchoResponseSchema, EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { refusalReasonOf } from './error.ts';
import { connectServer } from './examples/connect.ts';
import { httpServer } from './examples/fastify.ts';
import { grpcServer } from './examples/grpc.ts';

const key = generateServiceKey().key.reveal();
let jwks: JwksServer;
let auth: AuthServer;
let origin: string;
let issuer: TestIssuer;
let stop: () => Promise<unknown> = async () => undefined;

beforeEach(async () => {
  jwks = await startJwksServer(() => issuer.jwks());
  origin = new URL(jwks.url).origin;
  issuer = await createTestIssuer({ issuer: origin });
  auth = await startAuthServer(() => issuer, ['greeter']);
});
afterEach(async () => {
  await stop();
  await auth.close();
  await jwks.close();
});

test.each(['connect', 'grpc', 'fastify'])('README contains examples/%s.ts unchanged', async (name) => {
  const readme = await readFile(new URL('README.md', import.meta.url), 'utf8');
  const example = await readFile(new URL(`examples/${name}.ts`, import.meta.url), 'utf8');
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
});

const ana = crypto.randomUUID();
const sid = crypto.randomUUID();

/** Repeats a call until it is refused, within a second. */
async function refusedSoon(ask: () => Promise<unknown>, refusal: unknown): Promise<void> {
  await expect.poll(ask, { interval: 5 }).toBe(refusal);
}

async function listen(app: FastifyInstance): Promise<string> {
  stop = () => app.close();
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** Sends raw bytes and returns the beginning of the response. */
async function raw(base: string, ...lines: string[]): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.write(lines.join('\r\n'));
  for await (const chunk of socket) return String(chunk);
  return '';
}

describe('the Connect example', () => {
  async function call(name: 'private' | 'adminOnly', token?: string): Promise<string> {
    const client = createClient(EchoService, createConnectTransport({ baseUrl, httpVersion: '1.1' }));
    const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` });
    return (await client[name]({}, { headers })).text;
  }
  let baseUrl: string;
  beforeEach(async () => {
    baseUrl = await listen(await connectServer(origin, auth.url, key));
    // The guard refuses all calls until it has loaded the revocations.
    await vi.waitFor(async () => call('private', await issuer.userToken()), { timeout: 30_000 });
  });

  test('accepts a signed token', async () => {
    expect(await call('private', await issuer.userToken({ sub: ana }))).toBe(`Hello, ${ana}`);
    expect(await call('adminOnly', await issuer.userToken({ roles: ['admin'] }))).toBe('Hello, admin');
  });

  test('refuses a user who has signed out, within a second', async () => {
    const token = await issuer.userToken({ sid });
    expect(await call('private', token)).toMatch(/^Hello/);
    auth.revoke(sid);
    await refusedSoon(async () => call('private', token).catch(refusalReasonOf), 'INVALID_TOKEN');
  });

  test('responds 401 with a challenge without a token', async () => {
    const answer = await fetch(`${baseUrl}/signet.test.v1.EchoService/Private`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    const error = ConnectError.from(await call('private').catch((thrown: unknown) => thrown));
    expect(refusalReasonOf(error)).toBe('TOKEN_REQUIRED');
  });

  test('responds 403 to the wrong role', async () => {
    const error = ConnectError.from(
      await call('adminOnly', await issuer.userToken()).catch((thrown: unknown) => thrown),
    );
    expect(error.code).toBe(Code.PermissionDenied);
    expect(error.metadata.get('www-authenticate')).toBe('Bearer error="insufficient_scope"');
  });

  test('responds before it reads the body', async () => {
    const head = [
      'POST /signet.test.v1.EchoService/Private HTTP/1.1',
      'Host: x',
      'Content-Type: application/json',
      'Content-Length: 1000000',
    ];
    const answer = await raw(baseUrl, ...head, '', '{');
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
  });

  test('refuses two Authorization headers', async () => {
    const authorization = `Authorization: Bearer ${await issuer.userToken()}`;
    const head = ['POST /signet.test.v1.EchoService/Private HTTP/1.1', 'Host: x', 'Content-Type: application/json'];
    const rest = ['Content-Length: 2', '', '{}'];
    expect(await raw(baseUrl, ...head, authorization, ...rest)).toMatch(/^HTTP\/1.1 200 /);
    expect(await raw(baseUrl, ...head, authorization, authorization, ...rest)).toMatch(/^HTTP\/1.1 401 /);
  });
});

describe('the grpc-js example', () => {
  let client: Client;
  beforeEach(async () => {
    const { server, guard } = grpcServer(origin, auth.url, key);
    const port = await new Promise<number>((resolve, reject) => {
      const done = (error: Error | null, bound: number) => (error ? reject(error) : resolve(bound));
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done);
    });
    client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    stop = async () => {
      client.close();
      guard.close();
      server.forceShutdown();
    };
    await guard.ready();
  });

  function call(method: string, metadata: Record<string, string>, message = Buffer.alloc(0)): Promise<string> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    const read = (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes).text;
    return new Promise((resolve, reject) => {
      const path = `/signet.test.v1.EchoService/${method}`;
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        read,
        message,
        sent,
        (error, text) => (error ? reject(error) : resolve(text ?? '')),
      );
    });
  }

  const errorOf = (work: Promise<unknown>) =>
    work.then(
      () => expect.unreachable('admitted'),
      (error: unknown) => error as ServiceError,
    );
  const asUser = async (user: Parameters<TestIssuer['userToken']>[0] = {}) => ({
    authorization: `Bearer ${await issuer.userToken(user)}`,
  });

  test('accepts a signed token', async () => {
    expect(await call('Private', await asUser({ sub: ana }))).toBe(`Hello, ${ana}`);
    expect(await call('AdminOnly', await asUser({ roles: ['admin'] }))).toMatch(/^Hello, /);
  });

  test('refuses a user who has signed out, within a second', async () => {
    const sent = await asUser({ sid });
    expect(await call('Private', sent)).toMatch(/^Hello/);
    auth.revoke(sid);
    const answer = () =>
      call('Private', sent).then(
        () => 'admitted',
        (error: unknown) => (error as ServiceError).details,
      );
    await refusedSoon(answer, 'The access token is not valid.');
  });

  test('responds UNAUTHENTICATED with google.rpc details and the challenge without a token', async () => {
    const { code, details, metadata } = await errorOf(call('Private', {}));
    expect({ code, details }).toEqual({ code: Code.Unauthenticated, details: 'An access token is required.' });
    expect(metadata.get('www-authenticate')).toEqual(['Bearer']);
    const status = fromBinary(StatusSchema, metadata.get('grpc-status-details-bin')[0] as Buffer);
    expect(status).toMatchObject({ code: Code.Unauthenticated, message: 'An access token is required.' });
    const info = status.details[0] && anyUnpack(status.details[0], ErrorInfoSchema);
    expect(info).toMatchObject({ reason: 'TOKEN_REQUIRED', domain: 'signet' });
  });

  test('responds PERMISSION_DENIED to the wrong role', async () => {
    expect((await errorOf(call('AdminOnly', await asUser()))).code).toBe(Code.PermissionDenied);
  });

  test('refuses on metadata, without parsing the message', async () => {
    const broken = Buffer.from([0xff]);
    expect((await errorOf(call('Private', {}, broken))).code).toBe(Code.Unauthenticated);
    expect((await errorOf(call('Private', await asUser(), broken))).code).toBe(Code.Internal);
  });

  test('refuses x-signet-caller sent twice', async () => {
    const token = await issuer.callerToken('order');
    const once = { ...(await asUser()), 'x-signet-caller': token };
    expect(await call('Private', once)).toMatch(/^Hello, /);
    const { code } = await errorOf(call('Private', { ...once, 'x-signet-caller': `${token}, ${token}` }));
    expect(code).toBe(Code.PermissionDenied);
  });
});

describe('the Fastify example', () => {
  let base: string;
  beforeEach(async () => {
    base = await listen(httpServer(origin, auth.url, key));
    await vi.waitUntil(async () => (await get('/ready')).ok, { timeout: 30_000 });
  });
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${base}${path}`, { headers });
  const asUser = async (user: Parameters<TestIssuer['userToken']>[0] = {}) => ({
    authorization: `Bearer ${await issuer.userToken(user)}`,
  });

  test('accepts a signed token', async () => {
    const answer = await get('/me', await asUser({ sub: ana }));
    expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 200, body: { id: ana } });
    expect((await get('/admin', await asUser({ roles: ['admin'] }))).status).toBe(200);
  });

  test('refuses a user who has signed out, within a second', async () => {
    const sent = await asUser({ sid });
    expect((await get('/me', sent)).status).toBe(200);
    auth.revoke(sid);
    await refusedSoon(async () => (await get('/me', sent)).status, 401);
  });

  test('reports on /ready what is missing if its key is unknown', async () => {
    await stop();
    auth.services.clear();
    base = await listen(httpServer(origin, auth.url, key));
    await expect.poll(async () => (await get('/ready')).json()).toEqual({ missing: 'service_key' });
    expect((await get('/me', await asUser())).status, 'all tokens are rejected before revocations are loaded').toBe(
      503,
    );
  });

  test('responds 401 problem+json to a token outside the Authorization header', async () => {
    const answer = await get(`/me?access_token=${await issuer.userToken()}`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(await answer.json()).toEqual({
      type: 'urn:signet:error:TOKEN_REQUIRED',
      title: 'An access token is required.',
      status: 401,
      instance: '/me',
      code: 'TOKEN_REQUIRED',
      request_id: expect.any(String),
    });
  });

  test('responds 401 to an invalid token and 403 to the wrong role', async () => {
    const bad = await get('/me', { authorization: 'Bearer x.y.z' });
    expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    const wrong = await get('/admin', await asUser());
    expect([wrong.status, await wrong.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'INSUFFICIENT_SCOPE', detail: expect.stringMatching(/^Needs the role admin/) }),
    ]);
  });

  test('responds 503 with Retry-After while the issuer is down and the key is unknown', async () => {
    await jwks.close();
    await issuer.rotate();
    const answer = await get('/me', await asUser());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
  });

  test('refuses two Authorization headers', async () => {
    const authorization = `Authorization: Bearer ${await issuer.userToken()}`;
    const ask = (...headers: string[]) => raw(base, 'GET /me HTTP/1.1', 'Host: x', ...headers, '', '');
    expect(await ask(authorization)).toMatch(/^HTTP\/1.1 200 /);
    expect(await ask(authorization, authorization)).toMatch(/^HTTP\/1.1 401 /);
    expect(await ask('Authorization: Bearer x', authorization)).toMatch(/^HTTP\/1.1 401 /);
  });
});
