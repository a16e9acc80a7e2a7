import { Code, ConnectError } from '@connectrpc/connect';
import { failure, outward, reasonOf } from '#kit/errors/failure.ts';

/** Why a call is over before its answer: its deadline, the end of the server, or else its caller. */
export function whyOver({ reason }: AbortSignal): ConnectError {
  const why = ConnectError.from(reason, Code.Canceled);
  // A transport has its own codes for a caller who leaves: of HTTP/2, ABORTED.
  const isKnown = reasonOf(why) !== undefined || why.code === Code.DeadlineExceeded;
  return isKnown ? outward(why) : failure('CANCELLED', { cause: reason });
}

/**
 * Begins work for a call, unless the call is over, and waits for it until the call
 * is over: a handler that ignores its signal must not keep a caller past the
 * deadline. It takes a function, because a promise that has begun needs a handler.
 * @param late receives what the work throws once the call is over
 * @throws what the work throws, or why the call is over
 */
export async function untilOver<T>(
  signal: AbortSignal,
  begin: () => Promise<T>,
  late: (error: unknown) => void = ignore,
): Promise<T> {
  if (signal.aborted) throw whyOver(signal);
  const over = Promise.withResolvers<never>();
  const abort = () => over.reject(whyOver(signal));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const work = begin();
    work.catch((error: unknown) => {
      if (signal.aborted) late(error);
    });
    return await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Passes a stream's messages on, and lets go of the stream when the call is over or
 * the reader stops. `end` is called exactly once: after the last message, with the
 * error of a failure, or when the reader leaves, even before it asked for a first
 * message (a generator that was never read does not run its `finally`).
 * @param late receives what the stream throws once it was let go
 */
export function streamUntilOver<T>(
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
  /** Not waited for: a handler that waits for something of its own gets there when that comes. */
  function letGo(): void {
    iterator.return?.().catch(late);
  }
  function abort(): void {
    finish(whyOver(signal));
    letGo();
  }

  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const passedOn: AsyncIterator<T> = {
    async next() {
      try {
        const result = await untilOver(signal, () => iterator.next(), late);
        if (result.done) finish();
        return result;
      } catch (error) {
        finish(error);
        throw error;
      }
    },
    async return(value?: unknown) {
      finish();
      letGo();
      return { done: true, value };
    },
  };
  return { [Symbol.asyncIterator]: () => passedOn };
}

function ignore(): void {
  // Unless a caller of these functions wants to know.
}
