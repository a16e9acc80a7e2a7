import { constants, type ServerHttp2Stream } from 'node:http2';

/** Time after which a stream or connection with an unread response is closed, in milliseconds. */
export const slowReaderTimeout = 30_000;

/**
 * Closes an HTTP/2 stream whose client does not read pending data. A stream without
 * pending data stays open. Pending data is small, because writers wait for the client.
 */
export function cutSlowReader(stream: ServerHttp2Stream, timeout = slowReaderTimeout): void {
  stream.setTimeout(timeout);
  stream.on('timeout', () => {
    if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    else stream.setTimeout(timeout);
  });
}
