import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { Metadata, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/proto/google/rpc/status_pb.ts';
import { type EchoRequest, EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { failure } from '#kit/errors/failure.ts';
import { identityKey } from '#kit/guard/connect.ts';
import { silentLog } from '#kit/log/log.ts';
import { type Gate, mount } from '#kit/call/app.ts';
import { createGrpcTransport as createChannel, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { type GrpcServer, serveGrpc } from '#kit/transport/grpc-server.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { forward } from './upstream.ts';

/** A guard that admits every caller. */
const admit: Gate = async ({ values }) => void values.set(identityKey, {});
const common = { checks: [admit], ready: async () => undefined, reflection: false, log: silentLog, metrics: noMetrics };

interface Info {
  readonly reason: string;
  readonly domain: string;
  readonly metadata?: Record<string, string>;
}

/** An error of a third-party service: a status, a message, optionally google.rpc.ErrorInfo. */
interface Ending {
  readonly code: Code;
  readonly message: string;
  readonly info?: Info;
}

/** The error that an external client receives. */
interface Shown {
  readonly code: Code;
  readonly status: number;
  readonly reason: string;
  readonly title: string;
  readonly domain?: string;
  readonly metadata?: Record<string, string>;
}

const secret = 'row 7 of table rides';
const masked = { code: Code.Internal, status: 500, reason: 'INTERNAL', title: 'Internal error.' };
const unavailable = {
  code: Code.Unavailable,
  status: 503,
  reason: 'SERVICE_UNAVAILABLE',
  title: 'The service is unavailable. Try again shortly.',
};
const ridden = { code: Code.FailedPrecondition, reason: 'RIDE_STATE', title: 'The ride is over.' };

/** Errors of an upstream, and the errors that the edge returns. */
const cases: Record<string, readonly [Ending, Shown]> = {
  'a plain NOT_FOUND': [
    { code: Code.NotFound, message: secret },
    { code: Code.NotFound, status: 404, reason: 'NOT_FOUND', title: 'Not found.' },
  ],
  'a plain PERMISSION_DENIED': [
    { code: Code.PermissionDenied, message: secret },
    { code: Code.PermissionDenied, status: 403, reason: 'PERMISSION_DENIED', title: 'Permission denied.' },
  ],
  'a plain FAILED_PRECONDITION': [
    { code: Code.FailedPrecondition, message: secret },
    {
      code: Code.FailedPrecondition,
      status: 409,
      reason: 'FAILED_PRECONDITION',
      title: 'The current state does not allow this.',
    },
  ],
  'a plain UNAUTHENTICATED': [
    { code: Code.Unauthenticated, message: secret },
    { code: Code.Unauthenticated, status: 401, reason: 'UNAUTHENTICATED', title: 'Authentication is required.' },
  ],
  'a plain INTERNAL': [{ code: Code.Internal, message: secret }, masked],
  'a plain UNKNOWN': [{ code: Code.Unknown, message: secret }, masked],
  'an INTERNAL with a reason': [
    { code: Code.Internal, message: secret, info: { reason: 'RIDE_BROKEN', domain: 'signet' } },
    masked,
  ],
  'a reason that the edge does not know': [
    {
      code: Code.FailedPrecondition,
      message: 'The ride is over.',
      info: { reason: 'RIDE_STATE', domain: 'signet', metadata: { http_status: '402', ride_id: '7' } },
    },
    { ...ridden, status: 402, metadata: { ride_id: '7' } },
  ],
  'a reason of another domain, without a status': [
    {
      code: Code.FailedPrecondition,
      message: 'The ride is over.',
      info: { reason: 'RIDE_STATE', domain: 'rides.example' },
    },
    { ...ridden, status: 409, domain: 'rides.example' },
  ],
  'a reason with a status that is no error': [
    {
      code: Code.FailedPrecondition,
      message: 'The ride is over.',
      info: { reason: 'RIDE_STATE', domain: 'signet', metadata: { http_status: '204' } },
    },
    { ...ridden, status: 409 },
  ],
  "the guard's reason, in our domain": [
    { code: Code.Unauthenticated, message: secret, info: { reason: 'INVALID_TOKEN', domain: 'signet' } },
    { code: Code.Unauthenticated, status: 401, reason: 'INVALID_TOKEN', title: 'The access token is not valid.' },
  ],
  "the guard's reason, in another domain": [
    { code: Code.PermissionDenied, message: secret, info: { reason: 'INSUFFICIENT_SCOPE', domain: 'rides.example' } },
    { code: Code.PermissionDenied, status: 403, reason: 'PERMISSION_DENIED', title: 'Permission denied.' },
  ],
  'a refusal of the edge itself': [
    { code: Code.PermissionDenied, message: secret, info: { reason: 'CALLER_NOT_ALLOWED', domain: 'signet' } },
    unavailable,
  ],
};

function errorOf({ code, message, info }: Ending): ConnectError {
  const details = info ? [{ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, info) }] : [];
  return new ConnectError(message, code, undefined, details);
}

/** A third-party server on plain grpc-js. It fails each call with the case named by `text`. */
async function startForeign(): Promise<{ port: number; stop: () => void }> {
  const server = new Server();
  const { name, parent } = EchoService.method.echo;
  const definition: ServiceDefinition = {
    [name]: {
      path: `/${parent.typeName}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
  server.addService(definition, {
    [name](call: { request: Buffer }, respond: (error: object) => void) {
      // Field 1, a string: a tag, a length, and the text.
      const { code, message, info } = cases[call.request.subarray(2).toString()]![0];
      const metadata = new Metadata();
      if (info) {
        const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, info))];
        const value = toBinary(StatusSchema, create(StatusSchema, { code, message, details }));
        metadata.set('grpc-status-details-bin', Buffer.from(value));
      }
      respond({ code, details: message, metadata });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

/** A Signet service with its own reason. */
const ours = createService({
  ...common,
  mounted: [
    mount(EchoService, {
      echo({ text }: EchoRequest): never {
        const found = cases[text];
        // Another system's error: its own stack would mask it without the translation.
        if (found?.[0].info?.domain === 'rides.example') throw translateUpstreamError(errorOf(found[0]));
        if (found) throw errorOf(found[0]);
        if (text === 'state') throw failure('NOT_FOUND', { detail: 'No ride has this id.' });
        throw testFailure('CARD_DECLINED', {
          metadata: { payment_id: 'p-1' },
          fields: [{ field: 'text', description: 'is declined', reason: 'DECLINED' }],
        });
      },
      // oxlint-disable-next-line require-yield -- it fails before it yields
      async *count(): AsyncGenerator<never> {
        throw testFailure('CARD_DECLINED', { metadata: { payment_id: 'p-1' } });
      },
    }),
  ],
});

const doors: Record<string, Door> = {};
const closers: (() => unknown)[] = [];
let channel: GrpcTransport;

async function openEdge(name: string, transport: Transport): Promise<void> {
  const edge = createService({ ...common, mounted: [forward({ desc: EchoService, transport }, { secure: true })] });
  const door = await openDoor({ app: edge, ready: async () => undefined, log: silentLog, port: 0, host: '127.0.0.1' });
  doors[name] = door;
  closers.push(() => door.close());
}

beforeAll(async () => {
  const foreign = await startForeign();
  closers.push(() => foreign.stop());
  const toForeign = createChannel(`127.0.0.1:${foreign.port}`, [EchoService]);
  closers.push(() => toForeign.close());
  const server: GrpcServer = await serveGrpc(ours, { port: 0, host: '127.0.0.1' });
  closers.push(() => server.close());
  channel = createChannel(`127.0.0.1:${server.port}`, [EchoService]);
  closers.push(() => channel.close());
  await openEdge('a third-party server', toForeign);
  await openEdge('a Signet service over a channel', channel);
  await openEdge('a Signet service in process', createInProcessTransport(ours));
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const transports: Record<string, (baseUrl: string) => Transport> = {
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
};

const base = (door: string) => `http://127.0.0.1:${doors[door]!.port}`;

async function overRest(door: string, text: string) {
  const answer = await fetch(`${base(door)}/v1/echo/${encodeURIComponent(text)}`);
  const body = (await answer.json()) as Record<string, unknown>;
  return { status: answer.status, headers: answer.headers, body };
}

async function overRpc(make: (baseUrl: string) => Transport, door: string, text: string): Promise<ConnectError> {
  const client = createClient(EchoService, make(base(door)));
  return ConnectError.from(
    await client.echo({ text }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

const upstreams = ['a third-party server', 'a Signet service over a channel', 'a Signet service in process'];

/** A Signet service mostly returns what the edge returns; only rejections of the edge itself differ. */
describe.each(upstreams)('behind the edge, %s', (door) => {
  test.each(Object.entries(cases))('%s is the same over REST and on every RPC protocol', async (text, [, shown]) => {
    const { status, body } = await overRest(door, text);
    expect({ status, code: body['code'], title: body['title'], metadata: body['metadata'] }).toEqual({
      status: shown.status,
      code: shown.reason,
      title: shown.title,
      metadata: shown.metadata,
    });
    expect(JSON.stringify(body)).not.toContain(secret);
    for (const [protocol, make] of Object.entries(transports)) {
      const error = await overRpc(make, door, text);
      const infos = error.findDetails(ErrorInfoSchema);
      expect([error.code, error.rawMessage, infos.length], protocol).toEqual([shown.code, shown.title, 1]);
      expect(infos[0], protocol).toMatchObject({ reason: shown.reason, domain: shown.domain ?? 'signet' });
      expect(infos[0]?.metadata, protocol).toEqual(shown.metadata ?? {});
    }
  });
});

describe.each(upstreams.slice(1))('behind the edge, %s with its own reason', (door) => {
  test('REST returns its status, metadata and fields', async () => {
    const { status, body } = await overRest(door, 'pay');
    expect([status, body]).toEqual([
      402,
      expect.objectContaining({
        type: 'urn:signet:error:CARD_DECLINED',
        title: 'The card was declined.',
        metadata: { payment_id: 'p-1' },
        errors: [{ field: 'text', description: 'is declined', reason: 'DECLINED' }],
      }),
    ]);
  });

  test('an error keeps its details', async () => {
    const { body } = await overRest(door, 'state');
    expect(body).toMatchObject({ code: 'NOT_FOUND', detail: 'No ride has this id.' });
  });

  test.each(Object.entries(transports))(
    'a stream over %s ends with the reason, without the HTTP status',
    async (_, make) => {
      const stream = createClient(EchoService, make(base(door))).count({ to: 1 });
      const read = async () => {
        for await (const message of stream) expect(message, 'an error comes first').toBeUndefined();
      };
      const error = ConnectError.from(
        await read().then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
      expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
        reason: 'CARD_DECLINED',
        metadata: { payment_id: 'p-1' },
      });
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).not.toHaveProperty('http_status');
    },
  );
});

test('services pass the HTTP status to each other', async () => {
  const error = ConnectError.from(
    await createClient(EchoService, channel)
      .echo({ text: 'pay' })
      .catch((thrown: unknown) => thrown),
  );
  expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({ payment_id: 'p-1', http_status: '402' });
});
