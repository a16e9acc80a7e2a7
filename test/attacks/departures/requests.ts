import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '#gen/proto/google/api/annotations_pb.ts';

/** How a client behaves. All times in milliseconds. */
export interface Behavior {
  /** Deadline of the request. */
  readonly deadline?: number;
  /** Delay of the body after the headers. */
  readonly bodyAfter?: number;
  /** Time until the client closes the socket or cancels the stream. */
  readonly leavesAfter?: number;
}

/** Sends requests to a port over one protocol, without a client that waits for the response. */
export interface Sender {
  readonly name: string;
  /** Whether the protocol has a request for the method. */
  carries(method: DescMethod): boolean;
  /** The protobuf services of the port, without those of every port (health, reflection). */
  readonly serves: readonly DescService[];
  /** Sends one request. Resolves when it has ended, with any outcome. */
  send(method: DescMethod, message: unknown, token: string | undefined, behavior: Behavior): Promise<void>;
  close(): void;
}

/** Longest wait for a response, ms. Some streams never end. */
const longestWait = 1_000;

/** REST, Connect, gRPC-Web and gRPC on a public port. */
export function publicPortSenders(name: string, port: number, serves: readonly DescService[]): Sender[] {
  return [
    overHttp1(`REST at ${name}`, port, serves, restRequest),
    overHttp1(`Connect at ${name}`, port, serves, connectRequest),
    overHttp1(`gRPC-Web at ${name}`, port, serves, webRequest),
    grpcSender(`gRPC at ${name}`, port, serves),
  ];
}

interface RequestParts {
  readonly verb: string;
  readonly path: string;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type MakeRequest = (method: DescMethod, message: unknown, deadline: number | undefined) => RequestParts | undefined;

const restRequest: MakeRequest = (method, message) => {
  if (!hasOption(method, http)) return undefined;
  const { pattern, body } = getOption(method, http);
  return {
    verb: String(pattern.case).toUpperCase(),
    path: (pattern.value as string).replaceAll(/\{\w+\}/g, () => crypto.randomUUID()),
    type: 'application/json',
    headers: {},
    body: body === '' ? Buffer.alloc(0) : Buffer.from(JSON.stringify(message)),
  };
};

const connectRequest: MakeRequest = (method, message, deadline) => {
  const json = Buffer.from(JSON.stringify(message));
  const isUnary = method.methodKind === 'unary';
  return {
    verb: 'POST',
    path: pathOf(method),
    type: isUnary ? 'application/json' : 'application/connect+json',
    headers: deadline === undefined ? {} : { 'connect-timeout-ms': String(deadline) },
    body: isUnary ? json : framed(json),
  };
};

const webRequest: MakeRequest = (method, _, deadline) => ({
  ...grpcRequest(method, deadline),
  type: 'application/grpc-web+proto',
});

function grpcRequest(method: DescMethod, deadline: number | undefined): RequestParts {
  return {
    verb: 'POST',
    path: pathOf(method),
    type: 'application/grpc',
    headers: deadline === undefined ? {} : { 'grpc-timeout': `${deadline}m` },
    body: framed(Buffer.alloc(0)),
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function overHttp1(name: string, port: number, serves: readonly DescService[], make: MakeRequest): Sender {
  return {
    name,
    serves,
    carries: (method) => make(method, {}, undefined) !== undefined,
    close: () => undefined,
    async send(method, message, token, { deadline, bodyAfter = 0, leavesAfter = longestWait }) {
      const request = make(method, message, deadline);
      if (!request) return;
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      const head = [
        `${request.verb} ${request.path} HTTP/1.1`,
        'host: localhost',
        'connection: close',
        ...(request.body.length === 0 ? [] : [`content-type: ${request.type}`]),
        `content-length: ${request.body.length}`,
        ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
        ...Object.entries(request.headers).map(([key, value]) => `${key}: ${value}`),
      ];
      const leave = setTimeout(() => socket.destroy(), leavesAfter);
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      if (bodyAfter > 0) await sleep(bodyAfter);
      if (!socket.destroyed) socket.write(request.body);
      await closed;
      clearTimeout(leave);
    },
  };
}

/**
 * gRPC over HTTP/2 without a gRPC client. A client that leaves cancels the stream, and every third time closes the
 * connection.
 */
export function grpcSender(name: string, port: number, serves: readonly DescService[]): Sender {
  let session: ClientHttp2Session | undefined;
  let departures = 0;
  function open(): ClientHttp2Session {
    if (session && !session.closed && !session.destroyed) return session;
    session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    return session;
  }
  return {
    name,
    serves,
    carries: () => true,
    close: () => session?.destroy(),
    async send(method, _, token, { deadline, bodyAfter = 0, leavesAfter }) {
      const { verb, path, type, headers, body } = grpcRequest(method, deadline);
      const through = open();
      const stream = through.request({
        ':method': verb,
        ':path': path,
        'content-type': type,
        te: 'trailers',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      });
      stream.on('error', () => undefined);
      const closed = new Promise((resolve) => stream.once('close', resolve));
      stream.resume();
      const leave = setTimeout(() => {
        if (leavesAfter !== undefined && ++departures % 3 === 0) through.destroy();
        else stream.close(constants.NGHTTP2_CANCEL);
      }, leavesAfter ?? longestWait);
      if (bodyAfter > 0) await sleep(bodyAfter);
      if (!stream.destroyed) stream.end(body);
      await closed;
      clearTimeout(leave);
    },
  };
}
