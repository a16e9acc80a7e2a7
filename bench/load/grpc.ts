import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { type ClientHttp2Session, connect } from 'node:http2';
import { GetProfileRequestSchema, ProfileSchema } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import type { Spec, Work } from './work.ts';

const path = '/signet.user.v1.UserService/GetProfile';
const message = Buffer.from(toBinary(GetProfileRequestSchema, create(GetProfileRequestSchema)));

/** Reads the profile of each token's owner, directly at the user service. */
export function profileOverGrpc(spec: Extract<Spec, { kind: 'profile-grpc' }>): Work {
  return spec.client === 'grpc-js' ? overGrpcJs(spec.target, spec.tokens) : overHttp2(spec.target, spec.tokens);
}

function overGrpcJs(target: string, tokens: readonly string[]): Work {
  const client = new Client(target, credentials.createInsecure());
  const all = tokens.map((token) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    return metadata;
  });
  return {
    close: () => client.close(),
    once: (chain) =>
      new Promise((resolve, reject) => {
        const metadata = all[chain % all.length] ?? new Metadata();
        // Any status other than OK is an error.
        client.makeUnaryRequest<Buffer, Buffer>(path, asIs, asIs, message, metadata, (error, bytes) => {
          if (error) return reject(error);
          return bytes ? settle(bytes, resolve, reject) : reject(new Error('no message'));
        });
      }),
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * Hand-written gRPC on one HTTP/2 connection. It costs a third of the grpc-js client and leaves more CPU to the server. It
 * does not reconnect: each load opens a connection, because servers end those that are a minute old.
 */
function overHttp2(target: string, tokens: readonly string[]): Work {
  let connection: ReturnType<typeof openConnection> | undefined;
  function close(): void {
    connection?.session.close();
    connection = undefined;
  }
  const frame = Buffer.concat([Buffer.alloc(5), message]);
  frame.writeUInt32BE(message.length, 1);
  const headers = tokens.map((token) => ({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  }));
  const call = (session: ClientHttp2Session, chain: number) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request(headers[chain % headers.length]);
      const chunks: Buffer[] = [];
      let status: unknown;
      // A response without a message is trailers-only: its status is in the headers.
      stream.on('response', (head) => (status = head['grpc-status']));
      stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        if (String(status) !== '0') return reject(new Error(`expected grpc-status 0, got ${String(status)}`));
        return settle(Buffer.concat(chunks).subarray(5), resolve, reject);
      });
      stream.end(frame);
    });
  return {
    pause: close,
    close,
    once(chain) {
      connection ??= openConnection(target);
      return Promise.race([call(connection.session, chain), connection.failed]);
    },
  };
}

function openConnection(target: string) {
  const session = connect(`http://${target}`);
  const failed = new Promise<never>((_, reject) => session.on('error', reject));
  failed.catch(() => undefined);
  return { session, failed };
}

function settle(bytes: Uint8Array, resolve: () => void, reject: (error: Error) => void): void {
  if (fromBinary(ProfileSchema, bytes).name === 'Ada') resolve();
  else reject(new Error('unexpected profile'));
}
