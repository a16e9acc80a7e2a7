import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '#gen/proto/google/api/annotations_pb.ts';

/** How a caller behaves. All times in milliseconds. */
export interface Manner {
  /** Deadline that the request carries. */
  readonly deadline?: number;
  /** When the body comes, after the headers. */
  readonly bodyAfter?: number;
  /** When the caller closes the socket, or cancels its stream. */
  readonly leavesAfter?: number;
}

/** A way to send a method's request to a port, without a client that would wait for the answer. */
export interface Sender {
  readonly name: string;
  /** Whether the way has a request for the method. */
  carries(method: DescMethod): boolean;
  /** Sends one request, and resolves when it is over, whatever came of it. */
  send(method: DescMethod, message: unknown, token: string | undefined, manner: Manner): Promise<void>;
  close(): void;
}

/** Longest wait for an answer, ms. Streams have no end of their own. */
const patience = 1_000;

/** REST, Connect, gRPC-Web and gRPC to a door's port. */
export function doorSenders(name: string, port: number): Sender[] {
  return [
    overHttp1(`REST at ${name}`, port, restRequest),
    overHttp1(`Connect at ${name}`, port, connectRequest),
    overHttp1(`gRPC-Web at ${name}`, port, (method, _, deadline) => ({
      ...grpcRequest(method, deadline),
      type: 'application/grpc-web+proto',
    })),
    grpcSender(`gRPC at ${name}`, port),
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

function overHttp1(name: string, port: number, make: MakeRequest): Sender {
  return {
    name,
    carries: (method) => make(method, {}, undefined) !== undefined,
    close: () => undefined,
    async send(method, message, token, { deadline, bodyAfter = 0, leavesAfter = patience }) {
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

/** gRPC over HTTP/2, without a gRPC client. A caller who leaves cancels the stream, or every third time the connection. */
export function grpcSender(name: string, port: number): Sender {
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
      }, leavesAfter ?? patience);
      if (bodyAfter > 0) await sleep(bodyAfter);
      if (!stream.destroyed) stream.end(body);
      await closed;
      clearTimeout(leave);
    },
  };
}
