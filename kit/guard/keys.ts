import { refusal } from './error.ts';
import { type KeySet, readKeySet } from './jwk.ts';
import { func, milliseconds } from './options.ts';
import { reasonsOf } from './trouble.ts';

/** Source of the keys that verify tokens. */
export interface KeySource {
  /** Returns a key from memory, without I/O. The object is the same as long as the key is unchanged. */
  held(kid: string, alg: string): CryptoKey | undefined;
  /**
   * Returns a key, loading the key set if the key is unknown; undefined if the key
   * does not exist.
   * @throws KEYS_UNAVAILABLE if the key set cannot be loaded
   */
  get(kid: string, alg: string): Promise<CryptoKey | undefined>;
  /** Reloads the key set, for a caller that knows that it changed. Returns whether that succeeded. */
  refresh(): Promise<boolean>;
  /**
   * Resolves once a valid key set is loaded; rejects with KEYS_UNAVAILABLE if closed
   * before. Waiting does not keep the process alive.
   */
  ready(): Promise<void>;
  /** Returns why the last load failed, for the log only; undefined if it succeeded. */
  trouble(): string | undefined;
  /** Stops refreshing. Loaded keys stay usable. */
  close(): void;
}

/**
 * Default times, ms. If an issuer publishes a key for longer than the cooldown
 * before the key signs, no verifier refuses it: it has loaded the key since, or is
 * allowed to load it now.
 */
export const keyTimes = { cooldown: 5_000, refreshEvery: 60_000, timeout: 5_000 } as const;

/** When keys are loaded. All times in milliseconds. */
export interface KeyTimes {
  /** Minimum interval between loads caused by unknown kids; limits the effect of a flood. */
  readonly cooldown?: number;
  /** Interval of background loads. */
  readonly refreshEvery?: number;
  /** Timeout of a load. */
  readonly timeout?: number;
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
}

/** Schema of the times. A removed key is accepted until the next load, so `refreshEvery` is at most a day. */
export const keyTimeOptions = {
  cooldown: milliseconds(0, 3_600_000).optional(),
  refreshEvery: milliseconds(1, 86_400_000).optional(),
  timeout: milliseconds(1, 300_000).optional(),
  clock: func.optional(),
};

/** Half of the delay after a failed first load, ms. Each further delay is twice as long, up to the cooldown. */
const firstWait = 50;

/**
 * Creates a key source that keeps the last valid key set in memory. It loads the
 * set at once, then in the background (sooner after a failure) and for an unknown
 * kid, one load at a time. A failed load or an invalid set leaves the keys
 * unchanged. Does not keep the process alive, except for a load in progress.
 * @param name name of the key set, for the log
 */
export function createKeySource(
  load: (signal: AbortSignal) => Promise<unknown>,
  times: KeyTimes = {},
  name = 'the key set',
): KeySource {
  const { cooldown, refreshEvery, timeout, clock = () => performance.now() } = { ...keyTimes, ...times };
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  // Prevents an unhandled rejection if `ready` is never called.
  first.promise.catch(() => undefined);
  let set: KeySet | undefined;
  let lastLoadSucceeded = false;
  let trouble: string | undefined;
  let lastLoadAt = -Infinity;
  let reading: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let untilFirst = firstWait;

  /** Delay until the next background load, ms. Shorter before the first set, because nothing can be verified yet. */
  function pause(): number {
    if (lastLoadSucceeded) return refreshEvery;
    if (!set) untilFirst *= 2;
    return Math.min(set ? Infinity : untilFirst, cooldown, refreshEvery);
  }

  async function attempt(): Promise<void> {
    try {
      set = await readKeySet(await within(timeout, closing.signal, load), set);
      lastLoadSucceeded = true;
      trouble = undefined;
      first.resolve();
    } catch (error) {
      if (!closing.signal.aborted) trouble = `${name}: ${reasonsOf(error)}`;
      // The loaded keys stay, so verification continues while the issuer is down.
      lastLoadSucceeded = false;
    }
    reading = undefined;
    if (closing.signal.aborted) return;
    timer = setTimeout(begin, pause()).unref();
  }

  function read(): Promise<void> {
    clearTimeout(timer);
    return (reading ??= attempt());
  }

  /** Loads in the background. `attempt` handles failures and schedules the next load. */
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
      // A load in progress may have started before the key was published, so another load may follow.
      await reading;
      if (!set?.has(kid) && !closing.signal.aborted) {
        if (!reading && clock() - lastLoadAt >= cooldown) {
          lastLoadAt = clock();
          await read();
        }
        await reading;
      }
      // After a successful load within the cooldown the key is known not to exist.
      if (!set?.has(kid) && !lastLoadSucceeded) throw refusal('KEYS_UNAVAILABLE', { headers: retryAfter(cooldown) });
      return held(kid, alg);
    },
    async refresh() {
      await reading;
      if (closing.signal.aborted) return false;
      await read();
      return lastLoadSucceeded;
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

/** Runs a load until it ends, times out or the source is closed, even if it ignores the signal. */
async function within<T>(ms: number, closing: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const stop = () => timeout.abort(new Error('loading the keys timed out or was cancelled'));
  const timer = setTimeout(stop, ms).unref();
  const stopped = new Promise<never>((_, reject) => {
    timeout.signal.addEventListener('abort', () => reject(timeout.signal.reason as Error), { once: true });
  });
  closing.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([run(timeout.signal), stopped]);
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', stop);
  }
}
