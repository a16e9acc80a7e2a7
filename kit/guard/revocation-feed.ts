import { timestampMs } from '@bufbuild/protobuf/wkt';
import { createClient, type Transport } from '@connectrpc/connect';
import { z } from 'zod';
import { RevocationService, type WatchResponse } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { signetReasonOf } from './error.ts';
import { checkOptions, func, having, milliseconds } from './options.ts';
import { createRevocationSet } from './revocation-set.ts';
import type { Revocations } from './revocations.ts';
import { createServerTime, type ServerTime } from './server-time.ts';
import { reasonsOf, type Trouble } from './trouble.ts';

/** Revocations streamed from an auth service. */
export interface RevocationFeed extends Revocations {
  /** The auth service's time, from its heartbeats. */
  readonly time: Pick<ServerTime, 'now' | 'skew'>;
  /** Resolves once all revocations are loaded; rejects if closed before. Waiting does not keep the process alive. */
  ready(): Promise<void>;
  /**
   * Returns whether the data is complete: false before the first load and, after a
   * lost connection, until the missed revocations are loaded. While disconnected it
   * keeps its value: the guard keeps using the last known data.
   */
  isReady(): boolean;
  /** Returns why the stream is down; undefined while it works. */
  trouble(): Trouble | undefined;
  /** Number of revocations in memory. */
  readonly size: number;
  /** Ends the stream. Loaded revocations stay. */
  close(): void;
}

/** Options of a revocation feed. */
export interface RevocationFeedOptions {
  /** Transport to the auth service, which adds the service's own token to each call. */
  readonly transport: Transport;
  /** Time without a message after which the stream counts as dead, in milliseconds. Default 3 s: heartbeats come every second. */
  readonly silence?: number;
  /** Minimum and maximum delay before reconnecting, in milliseconds. Default 50 and 1,000. */
  readonly backoff?: readonly [number, number];
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
}

const feedOptions = z.strictObject({
  transport: having('unary', 'stream'),
  silence: milliseconds(1, 60_000).optional(),
  backoff: z
    .tuple([milliseconds(1, 60_000), milliseconds(1, 60_000)])
    .refine(([shortest, longest]) => shortest <= longest, 'must be the minimum and the maximum delay')
    .optional(),
  clock: func.optional(),
});

/**
 * Watches an auth service's revocations until closed, and resumes after a lost
 * connection. A revocation is kept until all of its tokens have expired, even if
 * the auth service lost it (in a failover, or restored from an older state): data
 * sent after such a reset is added.
 * @throws Error on unknown or invalid options
 */
export function watchRevocations(options: RevocationFeedOptions): RevocationFeed {
  checkOptions('watchRevocations', feedOptions, options);
  const { transport, silence = 3_000, clock = () => performance.now() } = options;
  const [shortest, longest] = options.backoff ?? [50, 1_000];
  const client = createClient(RevocationService, transport);
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  // Prevents an unhandled rejection if `ready` is never called.
  first.promise.catch(() => undefined);
  const time = createServerTime();
  const set = createRevocationSet({ clock: time.now });
  let position = { history: '', sequence: '0', lastId: '' };
  let currentAt = -Infinity;
  let isCurrent = false;
  let failures = 0;
  let trouble: Trouble | undefined;

  function take(message: WatchResponse): void {
    if (message.sentAt) time.sample(timestampMs(message.sentAt));
    // Added also after a reset: entries that the auth service has lost stay valid.
    set.add(message.revocations);
    position = { history: message.history, sequence: message.sequence, lastId: message.lastId };
    failures = 0;
    trouble = undefined;
    isCurrent = message.current;
    if (!message.current) return;
    currentAt = clock();
    first.resolve();
  }

  /** Reads one stream until it fails, is silent for too long or the feed is closed. */
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
      // The next stream resumes at the last position.
      await watch().catch((error: unknown) => {
        if (!closing.signal.aborted) trouble = troubleOf(error);
      });
      const wait = Math.min(longest, shortest * 2 ** Math.min(failures++, 10));
      await pause(wait * (0.5 + Math.random() / 2), closing.signal);
    }
  }

  keepWatching().catch(first.reject);
  return {
    isRevoked: (token) => set.isRevoked(token),
    age: () => (clock() - currentAt) / 1_000,
    time,
    ready: () => first.promise,
    isReady: () => isCurrent,
    trouble: () => trouble,
    get size() {
      return set.size;
    },
    close() {
      closing.abort();
      first.reject(new Error('The revocation feed was closed before it was ready.'));
    },
  };
}

/** Describes a failure: a refusal of this service points to its key or its entry, other errors to the connection. */
function troubleOf(error: unknown): Trouble {
  const reason = signetReasonOf(error);
  if (reason === 'INVALID_CLIENT') {
    const why =
      "the auth service does not know this service's name and key (SIGNET_SERVICE_KEY here, SIGNET_SERVICES there)";
    return { need: 'service_key', why };
  }
  if (reason === 'CALLER_NOT_ALLOWED') {
    const why = 'the auth service does not treat this service as part of the fleet (an entry with roles is a machine)';
    return { need: 'service_key', why };
  }
  return { need: 'revocations', why: `revocation stream: ${reasonsOf(error)}` };
}

/** Waits until the time is over or the signal aborts. Does not keep the process alive. */
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
