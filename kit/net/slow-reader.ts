import { constants, type ServerHttp2Stream } from 'node:http2';

/** How long a peer may leave an answer unread before it loses the stream or the connection, in milliseconds. */
export const slowReaderTimeout = 30_000;

/**
 * Ends an HTTP/2 stream whose peer takes none of what waits for it. A stream that
 * is merely quiet is left alone. What waits is little: who writes a stream waits
 * for the peer to read.
 */
export function cutSlowReader(stream: ServerHttp2Stream, timeout = slowReaderTimeout): void {
  stream.setTimeout(timeout);
  stream.on('timeout', () => {
    if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    else stream.setTimeout(timeout);
  });
}
