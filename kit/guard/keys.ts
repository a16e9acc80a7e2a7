import { refusal } from './error.ts';
import { type KeySet, readKeySet } from './jwk.ts';
import { func, milliseconds } from './options.ts';
import { reasonsOf } from './trouble.ts';

/** Where the guard gets its keys. */
export interface KeySource {
  /** The key as held right now; no I/O. The same object for as long as the key stays. */
  held(kid: string, alg: string): CryptoKey | undefined;
  /**
   * The key, asked for where it is not held. Undefined where it is known not to
   * exist. Throws KEYS_UNAVAILABLE where that cannot be known.
   */
  get(kid: string, alg: string): Promise<CryptoKey | undefined>;
  /** Reads the keys anew, for whoever knows that they changed. Tells whether that worked. */
  refresh(): Promise<boolean>;
  /**
   * Resolves once a good set is held; rejects with KEYS_UNAVAILABLE when closed
   * before. Waiting for it keeps no process alive: something else must.
   */
  ready(): Promise<void>;
  /** Why the last read failed, for the log alone; undefined where it did not. */
  trouble(): string | undefined;
  /** Stops refreshing. What is held stays usable. */
  close(): void;
}

/**
 * When keys are read, unless told: ms. An issuer that lets a key sign once it has
 * been published for longer than the cooldown is never refused: whoever meets the
 * key then has read the keys since, or may do so now.
 */
export const keyTimes = { cooldown: 5_000, refreshEvery: 60_000, timeout: 5_000 } as const;

/** When keys are read. All times in milliseconds. */
export interface KeyTimes {
  /** Shortest time between two reads that unknown kids cause, whatever a flood sends. */
  readonly cooldown?: number;
  /** Time between two reads in the background. */
  readonly refreshEvery?: number;
  /** Longest time that a read may take. */
  readonly timeout?: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly clock?: () => number;
}

/** How times may be set: a removed key is accepted until the next read, so a day is the most. */
export const keyTimeOptions = {
  cooldown: milliseconds(0, 3_600_000).optional(),
  refreshEvery: milliseconds(1, 86_400_000).optional(),
  timeout: milliseconds(1, 300_000).optional(),
  clock: func.optional(),
};

/** Half of the wait after a first read that failed, ms; each next one is twice as long, up to the cooldown. */
const firstWait = 50;

/**
 * Keeps the last good key set in memory. It is read at once, then in the
 * background, sooner after a failure, and for an unknown kid; never twice at the
 * same time. A read that fails, or brings what is not a good set, changes nothing.
 * Keeps no process alive, but for as long as a read that is under way may take.
 * @param name what is read, for the log
 */
export function createKeySource(
  load: (signal: AbortSignal) => Promise<unknown>,
  times: KeyTimes = {},
  name = 'the key set',
): KeySource {
  const { cooldown, refreshEvery, timeout, clock = () => performance.now() } = { ...keyTimes, ...times };
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  // Nobody has to wait for it.
  first.promise.catch(() => undefined);
  let set: KeySet | undefined;
  let lastReadWorked = false;
  let trouble: string | undefined;
  let askedAt = -Infinity;
  let reading: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let untilFirst = firstWait;

  /** Until the next read in the background, ms. Before the first set, nothing can be verified: that is tried more often. */
  function pause(): number {
    if (lastReadWorked) return refreshEvery;
    if (!set) untilFirst *= 2;
    return Math.min(set ? Infinity : untilFirst, cooldown, refreshEvery);
  }

  async function attempt(): Promise<void> {
    try {
      set = await readKeySet(await within(timeout, closing.signal, load), set);
      lastReadWorked = true;
      trouble = undefined;
      first.resolve();
    } catch (error) {
      if (!closing.signal.aborted) trouble = `${name}: ${reasonsOf(error)}`;
      // What is held stays: verifying goes on while the issuer is down.
      lastReadWorked = false;
    }
    reading = undefined;
    if (closing.signal.aborted) return;
    timer = setTimeout(begin, pause()).unref();
  }

  function read(): Promise<void> {
    clearTimeout(timer);
    return (reading ??= attempt());
  }

  /** Reads in the background; what goes wrong is the next read's to mend, and known to those who wait. */
  function begin(): void {
    read().catch(first.reject);
  }

  function held(kid: string, alg: string): CryptoKey | undefined {
    return set?.get(kid)?.byAlgorithm.get(alg);
  }

  begin();
  return {
    held,
    async get(kid, alg) {
      if (set?.has(kid)) return held(kid, alg);
      // A read that is under way may have missed a key that is newer than it, so it does not settle the matter.
      await reading;
      if (!set?.has(kid) && !closing.signal.aborted) {
        if (!reading && clock() - askedAt >= cooldown) {
          askedAt = clock();
          await read();
        }
        await reading;
      }
      // Not in a set that was read within the cooldown: there is no such key. Not read: nobody knows.
      if (!set?.has(kid) && !lastReadWorked) throw refusal('KEYS_UNAVAILABLE', { headers: retryAfter(cooldown) });
      return held(kid, alg);
    },
    async refresh() {
      await reading;
      if (closing.signal.aborted) return false;
      await read();
      return lastReadWorked;
    },
    ready: () => first.promise,
    trouble: () => trouble,
    close() {
      clearTimeout(timer);
      closing.abort();
      first.reject(refusal('KEYS_UNAVAILABLE'));
    },
  };
}

function retryAfter(ms: number): HeadersInit {
  return { 'retry-after': String(Math.max(1, Math.ceil(ms / 1_000))) };
}

/** Runs a read until it ends, takes too long or is not wanted any more, whether or not it heeds the signal. */
async function within<T>(ms: number, closing: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  const stop = () => over.abort(new Error('The keys took too long to come, or are not wanted any more.'));
  const timer = setTimeout(stop, ms).unref();
  const stopped = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason as Error), { once: true });
  });
  closing.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([run(over.signal), stopped]);
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', stop);
  }
}
