import { Code, ConnectError } from '@connectrpc/connect';
import { failure, outward, reasonOf } from '#kit/errors/failure.ts';

/** Returns the error of an aborted call: deadline, shutdown of the server, or cancellation by the client. */
export function abortError({ reason }: AbortSignal): ConnectError {
  const why = ConnectError.from(reason, Code.Canceled);
  // Transports have their own codes for a disconnect, for example ABORTED with HTTP/2.
  const isKnown = reasonOf(why) !== undefined || why.code === Code.DeadlineExceeded;
  return isKnown ? outward(why) : failure('CANCELLED', { cause: reason });
}

/**
 * Runs work for a call and waits for it until the call is over, so a handler that
 * ignores its signal cannot delay the response past the deadline. It does not start
 * the work if the call is over already; therefore it takes a function.
 * @param late receives an error that the work throws after the call is over
 * @throws the error of the work, or of the aborted call
 */
export async function untilAborted<T>(
  signal: AbortSignal,
  begin: () => Promise<T>,
  late: (error: unknown) => void = ignore,
): Promise<T> {
  if (signal.aborted) throw abortError(signal);
  return beforeAbort(signal, begin(), late);
}

/**
 * Waits for work until a call is over.
 * @param late receives an error that the work throws after the call is over
 * @throws the error of the work, or of the aborted call
 */
export function beforeAbort<T>(
  signal: AbortSignal,
  work: Promise<T>,
  late: (error: unknown) => void = ignore,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(abortError(signal));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(
      (result) => {
        signal.removeEventListener('abort', abort);
        return resolve(result);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) late(error);
        reject(error);
      },
    );
  });
}

/**
 * Forwards a stream's messages, and closes the stream when the call is over or the
 * reader stops. `end` is called exactly once: after the last message, with the error
 * of a failure, or when the reader stops, even before its first read (a generator
 * that was never read does not run its `finally`).
 * @param late receives an error that the stream throws after it was closed
 */
export function streamUntilAborted<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  end: (error?: unknown) => void,
  late: (error: unknown) => void = ignore,
): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let isOver = false;

  function finish(error?: unknown): void {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener('abort', abort);
    end(error);
  }
  /** Not awaited: a handler that waits for something else ends only when that arrives. */
  function closeStream(): void {
    iterator.return?.().catch(late);
  }
  function abort(): void {
    finish(abortError(signal));
    closeStream();
  }

  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const forwarded: AsyncIterator<T> = {
    async next() {
      try {
        const result = await untilAborted(signal, () => iterator.next(), late);
        if (result.done) finish();
        return result;
      } catch (error) {
        finish(error);
        throw error;
      }
    },
    async return(value?: unknown) {
      finish();
      closeStream();
      return { done: true, value };
    },
  };
  return { [Symbol.asyncIterator]: () => forwarded };
}

function ignore(): void {
  // Default of `late`.
}
