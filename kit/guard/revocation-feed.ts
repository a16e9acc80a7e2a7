import { createClient, type Transport } from '@connectrpc/connect';
import { RevocationService, type WatchResponse } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRevocationSet, type RevocationSet } from './revocation-set.ts';
import type { Revocations } from './revocations.ts';

/** Revocations as an auth service tells of them. */
export interface RevocationFeed extends Revocations {
  /** Resolves once everything is known; rejects when closed before. Waiting for it keeps no process alive. */
  ready(): Promise<void>;
  /**
   * Tells whether all is known that could be: false before the first time, and
   * after a time without contact until what was missed is here. While there is no
   * contact it stays true: the guard goes on with what it knows.
   */
  isReady(): boolean;
  /** How many revocations are held. */
  readonly size: number;
  /** Ends the stream. What is held stays. */
  close(): void;
}

/** Where revocations come from. */
export interface RevocationFeedOptions {
  /** To the auth service; it adds the service's own token to each call. */
  readonly transport: Transport;
  /** Longest silence before the stream counts as cut, in milliseconds. Default 3 s: there is a heartbeat every second. */
  readonly silence?: number;
  /** Shortest and longest wait before the next try, in milliseconds. Default 50 and 1,000. */
  readonly backoff?: readonly [number, number];
  /** A clock that only goes forward, in milliseconds. */
  readonly clock?: () => number;
}

/** Watches an auth service's revocations, for as long as it is not closed, and resumes where it was cut off. */
export function watchRevocations(options: RevocationFeedOptions): RevocationFeed {
  const { transport, silence = 3_000, clock = () => performance.now() } = options;
  const [shortest, longest] = options.backoff ?? [50, 1_000];
  const client = createClient(RevocationService, transport);
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  // Nobody has to wait for it.
  first.promise.catch(() => undefined);
  let set = createRevocationSet();
  // What is told after a reset. What was known until then stays until all of it is here.
  let next: RevocationSet | undefined;
  let position = { history: '', sequence: '0' };
  let currentAt = -Infinity;
  let isCurrent = false;
  let failures = 0;

  function take(message: WatchResponse): void {
    if (message.reset) next = createRevocationSet();
    (next ?? set).add(message.revocations);
    position = { history: message.history, sequence: message.sequence };
    failures = 0;
    isCurrent = message.current;
    if (!message.current) return;
    [set, next] = [next ?? set, undefined];
    currentAt = clock();
    first.resolve();
  }

  /** One stream, until it breaks, falls silent or is not wanted any more. */
  async function watch(): Promise<void> {
    const cut = new AbortController();
    const stop = () => cut.abort();
    closing.signal.addEventListener('abort', stop, { once: true });
    let timer = setTimeout(stop, silence).unref();
    try {
      for await (const message of client.watch(position, { signal: cut.signal })) {
        take(message);
        clearTimeout(timer);
        timer = setTimeout(stop, silence).unref();
      }
    } finally {
      clearTimeout(timer);
      closing.signal.removeEventListener('abort', stop);
      cut.abort();
    }
  }

  async function keepWatching(): Promise<void> {
    while (!closing.signal.aborted) {
      // Whatever broke the stream, the next one goes on behind what was taken in.
      await watch().catch(() => undefined);
      const wait = Math.min(longest, shortest * 2 ** Math.min(failures++, 10));
      await pause(wait * (0.5 + Math.random() / 2), closing.signal);
    }
  }

  keepWatching().catch(first.reject);
  return {
    isRevoked: (token) => set.isRevoked(token) || next?.isRevoked(token) === true,
    age: () => (clock() - currentAt) / 1_000,
    ready: () => first.promise,
    isReady: () => isCurrent,
    get size() {
      return set.size;
    },
    close() {
      closing.abort();
      first.reject(new Error('The feed of revocations was closed before it was ready.'));
    },
  };
}

/** Waits, but not beyond the signal, and keeps no process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end, { once: true });
  });
}
