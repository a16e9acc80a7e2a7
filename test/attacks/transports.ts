import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/proto/google/rpc/status_pb.ts';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import type { Rig } from './rig.ts';

/** The outcome of a request with a token, in the same form for every protocol. */
export interface Outcome {
  /** `OK`, `UNAUTHENTICATED`, `TOO_LARGE` (headers over the limit, token not read), or another status. */
  readonly status: string;
  /** `WWW-Authenticate`. */
  readonly challenge: string | undefined;
  /** The whole response text without parts that vary by request. */
  readonly message: string;
}

/** A protocol and port over which to call a method that requires a signed-in user. */
export interface Way {
  readonly name: string;
  /** Whether the protocol can carry these header lines. */
  carries(lines: readonly string[]): boolean;
  /** Sends a request with these Authorization headers, one line each. */
  send(...authorization: string[]): Promise<Outcome>;
  close(): void;
}

const profile = '/signet.user.v1.UserService/GetProfile';
const verify = '/signet.auth.v1.AuthService/Verify';
const json = 'application/json';

/** The addresses of a system. */
export type Addresses = Pick<Rig, 'edge' | 'auth' | 'userTarget' | 'authTarget'>;

/** Every protocol and port over which a token can arrive. */
export function openWays({ edge, auth, userTarget, authTarget }: Addresses): Way[] {
  return [
    overHttp1('REST, HTTP/1.1', edge, 'GET', '/api/v1/users/profile'),
    overHttp2('REST, HTTP/2', edge, { ':method': 'GET', ':path': '/api/v1/users/profile' }),
    overHttp1('Connect, HTTP/1.1', edge, 'POST', profile, json, '{}'),
    overHttp2('Connect, HTTP/2', edge, { ':method': 'POST', ':path': profile, 'content-type': json }, '{}'),
    overHttp1('gRPC-Web', edge, 'POST', profile, 'application/grpc-web+proto', Buffer.alloc(5)),
    overGrpc('gRPC at the edge', edge),
    overGrpcJs('gRPC at the user service', userTarget, profile),
    overHttp2('gRPC at the edge, by hand', edge, grpcCall(profile), Buffer.alloc(5)),
    overHttp1('REST at the public port of auth', auth, 'GET', '/api/v1/auth/verify'),
    overHttp1('Connect at the public port of auth', auth, 'POST', verify, json, '{}'),
    overGrpcJs('gRPC at the auth service', authTarget, verify),
    overGrpcJs('gRPC at the public port of auth', new URL(auth).host, verify),
  ];
}

/** A gRPC call without a client, so that it can send what clients refuse to send. */
export function grpcCall(path: string): Record<string, string> {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}

function overHttp1(
  name: string,
  base: string,
  method: string,
  path: string,
  contentType?: string,
  body?: string | Buffer,
): Way {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(base);
  return {
    name,
    carries: () => true,
    close: () => agent.destroy(),
    send: (...authorization) =>
      new Promise((resolve, reject) => {
        const headers = {
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...(authorization.length === 0 ? {} : { authorization: authorization as never }),
        };
        const options = { agent, hostname, port, method, path, headers, timeout };
        const sent = request(options, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve(outcomeOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))),
          );
        });
        sent.on('timeout', () => sent.destroy(new Error(`no answer in ${timeout} ms`)));
        sent.on('error', (error) =>
          isTooLarge(error) && authorization.join().length > largest
            ? resolve({ ...nothing, status: 'TOO_LARGE' })
            : reject(error),
        );
        sent.end(body);
      }),
  };
}

/** HTTP/2 without a client library. */
export function overHttp2(name: string, base: string, head: Record<string, string>, body?: string | Buffer): Way {
  let session: ClientHttp2Session | undefined;
  // A server closes the connection of a client with far too large headers.
  const open = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session;
    // By default Node refuses to send two Authorization headers.
    session = connectHttp2(base, { strictSingleValueFields: false } as object);
    session.on('error', () => undefined);
    return session;
  };
  return {
    name,
    carries: (lines) => !head['content-type']?.startsWith('application/grpc') || lines.every(isMetadata),
    close: () => session?.destroy(),
    send: (...authorization) =>
      new Promise((resolve, reject) => {
        const lines = [...Object.entries(head), ...authorization.map((value) => ['authorization', value])].flat();
        const stream = open().request(lines, { endStream: body === undefined });
        const chunks: Buffer[] = [];
        let answered: Record<string, unknown> = {};
        stream.setTimeout(timeout, () => stream.destroy(new Error(`no answer in ${timeout} ms`)));
        stream.on('response', (headers) => (answered = headers));
        stream.on('trailers', (headers) => (answered = { ...answered, ...headers }));
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => resolve(outcomeOf(Number(answered[':status']), answered, Buffer.concat(chunks))));
        stream.on('error', (error) =>
          isTooLarge(error) && lines.join().length > largest
            ? resolve({ ...nothing, status: 'TOO_LARGE' })
            : reject(error),
        );
        if (body !== undefined) stream.end(body);
      }),
  };
}

/** A client of Connect. It joins two header lines with a comma. */
function overGrpc(name: string, baseUrl: string): Way {
  const client = createClient(UserService, createGrpcTransport({ baseUrl, defaultTimeoutMs: timeout }));
  return {
    name,
    carries: (lines) => lines.every(isMetadata),
    close: () => undefined,
    async send(...authorization) {
      try {
        const headers = new Headers(authorization.map((value) => ['authorization', value] as [string, string]));
        await client.getProfile({}, { headers });
        return { ...nothing, status: 'OK' };
      } catch (thrown) {
        const error = ConnectError.from(thrown);
        if (authorization.join().length > largest && error.cause instanceof Error && isTooLarge(error.cause))
          return { ...nothing, status: 'TOO_LARGE' };
        const reasons = error.findDetails(ErrorInfoSchema).map(({ reason }) => reason);
        const challenge = error.metadata.get('www-authenticate') ?? undefined;
        return { status: statusOf(Code[error.code]), challenge, message: `${error.message} ${reasons.join()}` };
      }
    },
  };
}

function overGrpcJs(name: string, target: string, path: string): Way {
  const client = new Client(target, credentials.createInsecure());
  return {
    name,
    // The client would send two lines in a form that HTTP/2 forbids, so it does not send them.
    carries: (lines) => lines.length < 2 && lines.every(isMetadata),
    close: () => client.close(),
    send: (...authorization) =>
      new Promise((resolve) => {
        const metadata = new Metadata();
        for (const value of authorization) metadata.add('authorization', value);
        const options = { deadline: Date.now() + timeout };
        const call = client.makeUnaryRequest(path, asItIs, asItIs, Buffer.alloc(0), metadata, options, () => undefined);
        call.on('status', ({ code, details, metadata: trailer }: StatusObject) => {
          // The status that the client reports for a stream or connection closed by the server.
          const isCut = code === grpcStatus.INTERNAL || code === grpcStatus.RESOURCE_EXHAUSTED;
          if (isCut && authorization.join().length > largest) return resolve({ ...nothing, status: 'TOO_LARGE' });
          const [challenge] = trailer.get('www-authenticate');
          resolve({
            status: statusOf(code === grpcStatus.OK ? 'OK' : Code[code]),
            challenge: challenge?.toString(),
            message: `${details} ${trailer
              .get('grpc-status-details-bin')
              .flatMap((bytes) => reasonsIn(Buffer.from(bytes)))
              .join()}`,
          });
        });
      }),
  };
}

const timeout = 10_000;

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/** Servers need not read headers larger than this. */
const largest = 65_536;

/** Whether the error is that of a request with too large headers and no response. */
function isTooLarge({ message, code = '' }: Error & { code?: string }): boolean {
  return (
    /^(EPIPE|ECONNRESET|ECANCELED|ERR_HTTP2_GOAWAY_SESSION)$/.test(code) ||
    /ENHANCE_YOUR_CALM|REFUSED_STREAM/.test(message)
  );
}

/** Whether gRPC metadata can carry the value: printable ASCII. */
function isMetadata(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value);
}

const nothing: Outcome = { status: '', challenge: undefined, message: '' };

function statusOf(name: string | undefined): string {
  return name === undefined
    ? 'no status'
    : name === 'OK'
      ? name
      : name.replaceAll(/(?<=[a-z])[A-Z]/g, '_$&').toUpperCase();
}

/** Reads a response over HTTP: the status of REST and Connect, or the trailers of gRPC-Web. */
function outcomeOf(status: number, headers: Record<string, unknown>, body: Buffer): Outcome {
  const trailer = String(headers['content-type']).startsWith('application/grpc') ? trailerOf(headers, body) : undefined;
  if (trailer) {
    const code = Number(trailer.get('grpc-status'));
    const details = Buffer.from(trailer.get('grpc-status-details-bin') ?? '', 'base64');
    const message = `${trailer.get('grpc-message')} ${reasonsIn(details).join()}`;
    return {
      status: statusOf(code === 0 ? 'OK' : Code[code]),
      challenge: trailer.get('www-authenticate') ?? undefined,
      message,
    };
  }
  const names: Record<number, string> = { 200: 'OK', 401: 'UNAUTHENTICATED', 431: 'TOO_LARGE' };
  const challenge = headers['www-authenticate'];
  const { instance: _, request_id: __, ...rest } = JSON.parse(body.toString() || '{}') as Record<string, unknown>;
  return {
    status: names[status] ?? `HTTP ${status}`,
    challenge: typeof challenge === 'string' ? challenge : undefined,
    message: JSON.stringify(rest),
  };
}

function trailerOf(headers: Record<string, unknown>, body: Buffer): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) all.append(name, String(value));
  // gRPC-Web sends the trailers in the body, in a frame with the highest flag bit set.
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    if ((body[at] ?? 0) < 0x80) continue;
    const lines = body.toString('latin1', at + 5, at + 5 + body.readUInt32BE(at + 1)).split('\r\n');
    for (const line of lines.filter((one) => one !== '')) {
      const colon = line.indexOf(':');
      all.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
  }
  return all;
}

function reasonsIn(details: Uint8Array): string[] {
  return fromBinary(StatusSchema, details).details.flatMap((any) => {
    const info = anyUnpack(any, ErrorInfoSchema);
    return info ? [info.reason] : [];
  });
}
