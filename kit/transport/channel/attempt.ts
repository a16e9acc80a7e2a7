import { Code, ConnectError } from '@connectrpc/connect';
import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from 'node:http2';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import type { Connection } from './connection.ts';
import { connectionError, errorIn, httpError, resetError, toCallHeaders } from './status.ts';

/** A response to a unary call. */
export interface Answer {
  readonly header: Headers;
  readonly trailer: Headers;
  readonly message: Uint8Array;
}

/** Why an attempt failed. */
export interface Failed {
  readonly error: ConnectError;
  /** Whether the server has certainly not seen the call, so that it may be sent again. */
  readonly isUnseen: boolean;
  /** Whether the server began a response, so that not even an idempotent call is sent again. */
  readonly hasResponded: boolean;
}

/** An attempt in progress. */
export interface Attempt {
  readonly outcome: Promise<Answer | Failed>;
  /** Ends the attempt at once with an error, and resets the stream. */
  cancel(): void;
}

/** Length of the prefix of a message: whether it is compressed, and its length (doc/PROTOCOL-HTTP2.md of gRPC). */
const prefix = 5;

/** Puts the prefix before a message. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefix + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefix);
  return frame;
}

/**
 * Sends a unary call on a connection.
 * @param maxBytes longest response, bytes
 */
export function attempt(
  connection: Pick<Connection, 'request' | 'isReady'>,
  headers: OutgoingHttpHeaders,
  frame: Buffer,
  maxBytes: number,
): Attempt {
  let stream: ClientHttp2Stream;
  try {
    stream = connection.request(headers);
  } catch (cause) {
    // The connection closed a moment ago; or the headers are not those of HTTP/2, which no other attempt would change.
    const isClosed = !connection.isReady();
    const error = isClosed
      ? connectionError('the connection was closed', cause)
      : new ConnectError('the call cannot be sent', Code.Internal, undefined, undefined, cause);
    return { outcome: Promise.resolve({ error, isUnseen: isClosed, hasResponded: false }), cancel: () => undefined };
  }
  const { session } = stream;
  let settle: (outcome: Answer | Failed) => void;
  const cancel = () => {
    // Not when the stream has closed: a server that reads nothing more would delay that.
    settle({ error: new ConnectError('cancelled', Code.Canceled), isUnseen: false, hasResponded: false });
    stream.close(constants.NGHTTP2_CANCEL);
  };
  const outcome = new Promise<Answer | Failed>((resolve) => {
    settle = resolve;
    let header: Headers | undefined;
    let end: { readonly trailer: CallHeaders; readonly error: ConnectError | undefined } | undefined;
    let problem: ConnectError | undefined;
    let cause: unknown;
    const chunks: Buffer[] = [];
    let received = 0;

    function fail(error: ConnectError): void {
      problem ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    }
    stream.on('response', (fields, flags) => {
      if (fields[':status'] !== 200 || !/^application\/grpc(?:\+|;|$)/.test(fields['content-type'] ?? '')) {
        return fail(httpError(fields[':status']));
      }
      const all = toCallHeaders(fields);
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) === 0) header = all;
      else end = { trailer: all, error: errorIn(fields, all) };
    });
    stream.on('trailers', (fields) => {
      const trailer = toCallHeaders(fields);
      end = { trailer, error: errorIn(fields, trailer) };
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received > maxBytes + prefix) fail(new ConnectError('the response is too large', Code.ResourceExhausted));
    });
    stream.on('error', (error) => (cause = error));
    stream.once('close', () => {
      const failed = (error: ConnectError) =>
        resolve({ error, isUnseen: isUnseen(stream), hasResponded: header !== undefined });
      if (problem) return failed(problem);
      // Node also resets the streams of a lost connection, with another code.
      if (!end && session?.destroyed !== false) return failed(connectionError('the connection was lost', cause));
      if (!end) return failed(resetError(stream.rstCode));
      if (end.error) return failed(end.error);
      const message = messageIn(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received));
      if (!message) return failed(new ConnectError('the response is not one uncompressed message', Code.Internal));
      resolve({ header: header ?? new CallHeaders(), trailer: end.trailer, message });
    });
  });
  stream.end(frame);
  return { outcome, cancel };
}

/** Whether the request was never sent, or the server said that it did not process it (RFC 9113 sections 6.8 and 8.7). */
function isUnseen(stream: ClientHttp2Stream): boolean {
  return stream.pending || stream.id === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
}

/** Returns the message of a body, or undefined if it is not exactly one that is not compressed. */
function messageIn(body: Buffer): Uint8Array | undefined {
  if (body.length < prefix || body[0] !== 0 || body.readUInt32BE(1) !== body.length - prefix) return undefined;
  return body.subarray(prefix);
}
