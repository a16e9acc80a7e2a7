import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { type IncomingHttpHeaders, connect } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { ServerReflectionAlpha } from '#kit/service/reflection.ts';
import { createService } from '#kit/service/stack.ts';
import { type Door, openDoor } from './door.ts';

/** What gRPC clients and tools see of a public port. */

let door: Door;
let counted = 0;
beforeAll(async () => {
  const ready = async () => undefined;
  const app = createService({
    mounted: [mount(EchoService, { echo: async ({ text }) => ({ text }) })],
    checks: [],
    ready,
    reflection: true,
    log: silentLog,
    metrics: noMetrics,
  });
  const limit = async () => {
    counted++;
    return {};
  };
  door = await openDoor({ app, ready, log: silentLog, limit, port: 0, host: '127.0.0.1' });
});
afterAll(() => door.close());

const baseUrl = () => `http://127.0.0.1:${door.port}`;

/** Sends an empty message over HTTP/2 and returns the headers and the trailers. */
async function call(path: string, headers: Record<string, string>) {
  const session = connect(baseUrl());
  const stream = session.request({ ':method': 'POST', ':path': path, te: 'trailers', ...headers });
  const seen: { headers?: IncomingHttpHeaders; trailers?: IncomingHttpHeaders } = {};
  stream.on('response', (found) => (seen.headers = found));
  stream.on('trailers', (found) => (seen.trailers = found));
  stream.end(Buffer.alloc(5));
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  session.close();
  return seen;
}

const transports = {
  gRPC: () => createGrpcTransport({ baseUrl: baseUrl() }),
  'gRPC-Web': () => createGrpcWebTransport({ baseUrl: baseUrl(), httpVersion: '1.1' }),
};

test.each(['gRPC', 'gRPC-Web'] as const)(
  'an unknown method or service over %s is UNIMPLEMENTED, with its reason, and counts',
  async (protocol) => {
    const before = counted;
    const error = await createClient(KeyService, transports[protocol]())
      .listKeys({})
      .catch((failed: unknown) => failed);
    expect([ConnectError.from(error).code, reasonOf(error)]).toEqual([Code.Unimplemented, 'UNIMPLEMENTED']);
    expect(counted).toBe(before + 1);
  },
);

test('its status is in the trailers, under HTTP 200, and it has a request id', async () => {
  const { headers, trailers } = await call('/signet.test.v1.EchoService/Unknown', {
    'content-type': 'application/grpc',
  });
  expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc' });
  expect(trailers).toMatchObject({ 'grpc-status': '12', 'x-request-id': expect.any(String) });
});

test('the same path without gRPC is a problem', async () => {
  const response = await fetch(`${baseUrl()}/signet.test.v1.EchoService/Unknown`, { method: 'POST' });
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
});

test('an unknown compression says which are known', async () => {
  const encoded = { 'content-type': 'application/grpc', 'grpc-encoding': 'deflate' };
  const { headers, trailers } = await call('/signet.test.v1.EchoService/Echo', encoded);
  expect({ ...headers, ...trailers }).toMatchObject({
    'grpc-status': '12',
    'grpc-message': expect.stringContaining('gzip%20or%20br'),
    'grpc-accept-encoding': expect.stringContaining('gzip'),
  });
});

test('answers over gRPC have no headers for browsers', async () => {
  const known = await call('/signet.test.v1.EchoService/Echo', { 'content-type': 'application/grpc+proto' });
  const unknown = await call('/signet.test.v1.Unknown/Echo', { 'content-type': 'application/grpc' });
  for (const { headers } of [known, unknown]) {
    expect(headers).toBeDefined();
    expect(
      Object.keys(headers!).filter((name) => /^(?:content-security|strict-|x-frame|x-xss|cross-origin)/.test(name)),
    ).toEqual([]);
  }
  const web = await fetch(`${baseUrl()}/health`);
  expect(web.headers.get('strict-transport-security')).not.toBeNull();
});

test('reflection answers as v1alpha, too', async () => {
  const client = createClient(ServerReflectionAlpha, transports.gRPC());
  const { input } = ServerReflectionAlpha.method.serverReflectionInfo;
  async function* requests() {
    yield create(input, { messageRequest: { case: 'listServices', value: '' } });
    yield create(input, { messageRequest: { case: 'fileContainingSymbol', value: 'signet.test.v1.EchoService' } });
  }
  const answers = [];
  for await (const { messageResponse } of client.serverReflectionInfo(requests())) answers.push(messageResponse);
  expect(answers).toMatchObject([
    {
      case: 'listServicesResponse',
      value: { service: [{ name: 'signet.test.v1.EchoService' }, { name: 'grpc.health.v1.Health' }] },
    },
    { case: 'fileDescriptorResponse' },
  ]);
  expect(ServerReflectionAlpha.typeName).toBe('grpc.reflection.v1alpha.ServerReflection');
});
