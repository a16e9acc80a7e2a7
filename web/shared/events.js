// @ts-check
import { isSignedIn, Problem, verify } from '../account/session.js';

/**
 * Follows a stream of the API (server-sent events) until the signal aborts or the session ends. Opens it again when it
 * breaks and when the access token has expired. A hidden tab closes its stream: browsers allow six connections of
 * HTTP/1.1 to a server, and many tabs would use them up.
 * @template T
 * @param {string} path below /api/v1
 * @param {{ signal: AbortSignal, onMessage: (message: T) => void, onOpen?: () => void }} options
 */
export function watch(path, { signal, onMessage, onOpen }) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {number | undefined} */
  let timer;
  let failures = 0;

  function open() {
    if (signal.aborted || document.hidden || source) return;
    source = new EventSource(`/api/v1${path}`);
    source.addEventListener('open', () => {
      failures = 0;
      onOpen?.();
    });
    source.addEventListener('message', ({ data }) => onMessage(JSON.parse(data)));
    // Both a broken connection and the error event of the stream, whose token may have expired.
    source.addEventListener('error', () => {
      close();
      timer = window.setTimeout(reopen, Math.min(500 * 2 ** failures, 30_000));
      failures += 1;
    });
  }
  function close() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
  }
  function reopen() {
    // Refreshes the session if necessary. An EventSource does not see the status of a response.
    verify()
      .then(open)
      .catch((error) => {
        const isOver = error instanceof Problem && error.status === 401;
        if (!isOver && isSignedIn()) timer = window.setTimeout(reopen, Math.min(500 * 2 ** failures++, 30_000));
      });
  }
  function onVisibility() {
    close();
    open();
  }

  document.addEventListener('visibilitychange', onVisibility, { signal });
  signal.addEventListener('abort', close);
  open();
}
