import type { Message } from '@bufbuild/protobuf';
import type { Problem } from './problem.ts';

/** First event of a stream: a message, or silence. */
export type Opening =
  | { readonly kind: 'message'; readonly result: IteratorResult<Message> }
  | { readonly kind: 'quiet'; readonly first: Promise<IteratorResult<Message>> };

/**
 * Waits for a stream's first message, so that a failure before it can still be sent
 * as a plain error response. Stops waiting after `waitMs` milliseconds.
 * @throws the error of the stream
 */
export async function openStream(messages: AsyncIterator<Message>, waitMs: number): Promise<Opening> {
  const first = messages.next();
  const timer = sleeper(waitMs);
  try {
    const result = await Promise.race([first, timer.done]);
    return result === undefined ? { kind: 'quiet', first } : { kind: 'message', result };
  } finally {
    timer.cancel();
  }
}

/**
 * Serializes a stream as server-sent events (WHATWG HTML): `data` and a sequential
 * `id` per message, a comment after each `heartbeatMs` of silence, and an `error`
 * event with the problem if the stream fails or the signal aborts.
 */
export async function* eventText(
  opening: Opening,
  messages: AsyncIterator<Message>,
  options: {
    readonly heartbeatMs: number;
    readonly signal: AbortSignal;
    readonly text: (message: Message) => string;
    readonly problem: (error: unknown) => Problem;
  },
): AsyncGenerator<string> {
  const { signal } = options;
  // One promise for message, heartbeat and abort. With Promise.race each message
  // would leave a reaction on the signal's promise (a memory leak).
  let wake = Promise.withResolvers<void>();
  let arrived: Arrival | undefined;
  function expect(next: Promise<IteratorResult<Message>>): void {
    arrived = undefined;
    next.then(
      (result) => arrive({ result }),
      (error: unknown) => arrive({ error }),
    );
  }
  function arrive(arrival: Arrival): void {
    arrived ??= arrival;
    wake.resolve();
  }
  function onAbort(): void {
    arrive({ error: signal.reason });
  }

  signal.addEventListener('abort', onAbort);
  try {
    if (opening.kind === 'quiet') yield ': open\n\n';
    expect(opening.kind === 'quiet' ? opening.first : Promise.resolve(opening.result));
    if (signal.aborted) onAbort();
    for (let id = 0; ;) {
      const timer = setTimeout(() => wake.resolve(), options.heartbeatMs);
      await wake.promise;
      clearTimeout(timer);
      wake = Promise.withResolvers();
      if (!arrived) {
        yield ': alive\n\n';
        continue;
      }
      if ('error' in arrived) throw arrived.error;
      if (arrived.result.done) return;
      id += 1;
      // A text/plain response may have several lines; each becomes a data line.
      const data = options
        .text(arrived.result.value)
        .split(/\r\n|\r|\n/)
        .join('\ndata: ');
      yield `id: ${id}\ndata: ${data}\n\n`;
      expect(messages.next());
      if (signal.aborted) onAbort();
    }
  } catch (error) {
    yield `event: error\ndata: ${JSON.stringify(options.problem(error))}\n\n`;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

type Arrival = { readonly result: IteratorResult<Message> } | { readonly error: unknown };

function sleeper(ms: number): { done: Promise<undefined>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  return { done: promise, cancel: () => clearTimeout(timer) };
}
