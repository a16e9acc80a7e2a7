import { createClient, type Transport } from '@connectrpc/connect';
import { z } from 'zod';
import { RevocationService, type WatchResponse } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { signetReasonOf } from './error.ts';
import { checkOptions, func, having, milliseconds } from './options.ts';
import { createRevocationSet } from './revocation-set.ts';
import type { Revocations } from './revocations.ts';
import { reasonsOf, type Trouble } from './trouble.ts';

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
  /** Why there is no news right now; undefined while there is. */
  trouble(): Trouble | undefined;
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

const feedOptions = z.strictObject({
  transport: having('unary', 'stream'),
  silence: milliseconds(1, 60_000).optional(),
  backoff: z
    .tuple([milliseconds(1, 60_000), milliseconds(1, 60_000)])
    .refine(([shortest, longest]) => shortest <= longest, 'must be the shortest wait and the longest')
    .optional(),
  clock: func.optional(),
});

/**
 * Watches an auth service's revocations, for as long as it is not closed, and
 * resumes where it was cut off. What it has heard of it forgets when no token
 * concerned can be alive, and never before: where the auth service does not know
 * the position any more (it lost commits in a failover, or was put back to an
 * older state), what it then sends is added.
 * @throws Error on options that are unknown or make no sense
 */
export function watchRevocations(options: RevocationFeedOptions): RevocationFeed {
  checkOptions('watchRevocations', feedOptions, options);
  const { transport, silence = 3_000, clock = () => performance.now() } = options;
  const [shortest, longest] = options.backoff ?? [50, 1_000];
  const client = createClient(RevocationService, transport);
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  // Nobody has to wait for it.
  first.promise.catch(() => undefined);
  const set = createRevocationSet();
  let position = { history: '', sequence: '0', lastId: '' };
  let currentAt = -Infinity;
  let isCurrent = false;
  let failures = 0;
  let trouble: Trouble | undefined;

  function take(message: WatchResponse): void {
    // After a reset, too: an entry that the auth service has lost was true when it was sent.
    set.add(message.revocations);
    position = { history: message.history, sequence: message.sequence, lastId: message.lastId };
    failures = 0;
    trouble = undefined;
    isCurrent = message.current;
    if (!message.current) return;
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
    ready: () => first.promise,
    isReady: () => isCurrent,
    trouble: () => trouble,
    get size() {
      return set.size;
    },
    close() {
      closing.abort();
      first.reject(new Error('The feed of revocations was closed before it was ready.'));
    },
  };
}

/** A refusal of the service itself is a fault of its key or its entry; all else, of the way there. */
function troubleOf(error: unknown): Trouble {
  const reason = signetReasonOf(error);
  if (reason === 'INVALID_CLIENT') {
    const why =
      "the auth service does not know this service's name and key (SIGNET_SERVICE_KEY here, SIGNET_SERVICES there)";
    return { need: 'service_key', why };
  }
  if (reason === 'CALLER_NOT_ALLOWED') {
    const why = 'the auth service does not take this service for one of the fleet (an entry with roles is a machine)';
    return { need: 'service_key', why };
  }
  return { need: 'revocations', why: `the stream of revocations: ${reasonsOf(error)}` };
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
