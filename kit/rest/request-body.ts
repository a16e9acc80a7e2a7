import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { failure } from '#kit/errors/failure.ts';
import { isJsonMediaType } from './media-type.ts';

/** A request as node:http or node:http2 gives it. */
export type RawRequest = IncomingMessage | Http2ServerRequest;

/** Longest time, in milliseconds, that the rest of an unread body is thrown away after the answer. */
const drainMs = 10_000;

/** Tells whether the caller has left. The socket of an HTTP/2 stream that is gone cannot be asked. */
export function isGone(raw: RawRequest): boolean {
  return 'stream' in raw ? raw.stream.destroyed : raw.socket.destroyed;
}

/** Tells from the headers whether a body follows. On HTTP/1.1 an empty chunked one counts. */
export function hasBody(raw: RawRequest): boolean {
  if ('stream' in raw) return !raw.stream.endAfterHeaders;
  const length = raw.headers['content-length'];
  return raw.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

/**
 * Reads a body whole, when the gate has let the request pass. Takes the limit
 * in bytes and a signal that ends the wait. Throws UNSUPPORTED_MEDIA_TYPE
 * before reading (after, where the type is missing and the body turns out not
 * to be empty), PAYLOAD_TOO_LARGE at the first byte past the limit or at once
 * where Content-Length says so, and the signal's reason.
 */
export async function readBody(raw: RawRequest, header: Headers, limit: number, signal: AbortSignal): Promise<Buffer> {
  const type = header.get('content-type');
  if (type !== null && !isJsonMediaType(type)) throw failure('UNSUPPORTED_MEDIA_TYPE');
  const encoding = header.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') throw failure('UNSUPPORTED_MEDIA_TYPE');
  if (Number(header.get('content-length') ?? 0) > limit) throw failure('PAYLOAD_TOO_LARGE');
  const bytes = await readBytes(raw, limit, signal);
  if (bytes.length > 0 && type === null) throw failure('UNSUPPORTED_MEDIA_TYPE');
  return bytes;
}

/** Reads a body whole, whatever it is. @throws PAYLOAD_TOO_LARGE at the first byte past the limit, and the signal's reason */
export function readBytes(raw: RawRequest, limit: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    function settle(act: () => void): void {
      raw.off('data', onData).off('end', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      act();
    }
    function onData(chunk: Buffer): void {
      size += chunk.length;
      if (size > limit) settle(() => reject(failure('PAYLOAD_TOO_LARGE')));
      else chunks.push(chunk);
    }
    function onEnd(): void {
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)));
    }
    function onError(): void {
      settle(() => reject(failure('CANCELLED')));
    }
    function onAbort(): void {
      settle(() => reject(signal.reason as Error));
    }
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    signal.addEventListener('abort', onAbort);
    raw.on('data', onData).on('end', onEnd).on('error', onError);
  });
}

/**
 * Lets the rest of a body that nobody will read flow away, so that a caller who
 * is still sending gets to see the answer instead of a reset, without keeping
 * any of it. A caller who has not come to the end by then (many HTTP clients stop
 * sending once they are answered) loses the connection.
 */
export function drain(raw: RawRequest): void {
  if (raw.readableEnded || raw.destroyed) return;
  const timer = setTimeout(() => raw.destroy(), drainMs).unref();
  const stop = (): void => clearTimeout(timer);
  raw.once('error', stop).once('end', stop).once('close', stop);
  raw.resume();
}
