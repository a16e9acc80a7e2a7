import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { failure } from '#kit/errors/failure.ts';

/** A request of node:http or node:http2. */
export type RawRequest = IncomingMessage | Http2ServerRequest;

/** Maximum time of discarding the rest of an unread body after the response, ms. */
const drainMs = 10_000;

/** Returns whether the client has disconnected. With HTTP/2 the stream is checked, as a destroyed stream has no socket. */
export function isGone(raw: RawRequest): boolean {
  return 'stream' in raw ? raw.stream.destroyed : raw.socket.destroyed;
}

/** Returns from the headers whether a body follows. On HTTP/1.1 an empty chunked body counts as one. */
export function hasBody(raw: RawRequest): boolean {
  if ('stream' in raw) return !raw.stream.endAfterHeaders;
  const length = raw.headers['content-length'];
  return raw.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

/**
 * Reads a whole body.
 * @param accepts whether a Content-Type value is accepted
 * @param limit in bytes
 * @throws UNSUPPORTED_MEDIA_TYPE before reading, or after reading a non-empty body without a type
 * @throws PAYLOAD_TOO_LARGE at the first byte past the limit, or before reading if Content-Length exceeds it
 * @throws the signal's reason if it aborts
 */
export async function readBody(
  raw: RawRequest,
  header: Headers,
  accepts: (type: string) => boolean,
  limit: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const type = header.get('content-type');
  if (type !== null && !accepts(type)) throw failure('UNSUPPORTED_MEDIA_TYPE');
  const encoding = header.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') throw failure('UNSUPPORTED_MEDIA_TYPE');
  if (Number(header.get('content-length') ?? 0) > limit) throw failure('PAYLOAD_TOO_LARGE');
  const bytes = await readBytes(raw, limit, signal);
  if (bytes.length > 0 && type === null) throw failure('UNSUPPORTED_MEDIA_TYPE');
  return bytes;
}

/** Reads a whole body of any type. @throws PAYLOAD_TOO_LARGE at the first byte past the limit, or the signal's reason */
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
 * Discards the rest of an unread body, so that a client that is still sending
 * receives the response instead of a connection reset. Closes the connection if the
 * body does not end in time (many clients stop sending once they have a response).
 */
export function drain(raw: RawRequest): void {
  if (raw.readableEnded || raw.destroyed) return;
  const timer = setTimeout(() => raw.destroy(), drainMs).unref();
  const stop = (): void => clearTimeout(timer);
  raw.once('error', stop).once('end', stop).once('close', stop);
  raw.resume();
}
