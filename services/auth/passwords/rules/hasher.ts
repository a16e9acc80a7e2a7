import * as argon2 from '@node-rs/argon2';
import pLimit from 'p-limit';
import { readHash } from '#kit/password-hash/password-hash.ts';
import { failure } from '../../reasons.ts';

/** Hashes passwords off the event loop, with bounded concurrency and a bounded queue. */
export interface Hasher {
  /**
   * Hashes a password to a PHC string.
   * @param signal aborted when the caller stops waiting; a queued hash is then not computed
   * @throws SERVER_BUSY if the queue is full, CANCELLED
   */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether a password matches a hash. Without a hash it takes the time of one of ours and returns false, so that timing
   * does not reveal an unknown email. Checks every format that can be imported. A malformed hash matches no password.
   * @param hash the hash, or a function that returns it, called when the queue reaches this check; if it throws, nothing is hashed
   * @throws SERVER_BUSY if the queue is full, CANCELLED
   */
  verify(
    hash: string | undefined | (() => Promise<string | undefined>),
    password: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** The part of a password that counts for a hash: WordPress trims. */
  countedPart(hash: string, password: string): string;
  /** Whether a hash is weaker than the configuration, or of another kind. */
  isOutdated(hash: string): boolean;
  /** Numbers of running and queued hashes. */
  load(): { readonly running: number; readonly waiting: number };
}

/** Cost and concurrency of hashes. */
export interface HasherOptions {
  /** Argon2id memory, KiB. */
  readonly memory: number;
  /** Argon2id passes. */
  readonly passes: number;
  /** Maximum queued hashes. */
  readonly queue: number;
  /** Size of libuv's thread pool. Hashes use at most one thread per core and leave two threads free. */
  readonly threadPool: number;
  readonly cores: number;
}

/** The binding's number for Argon2id; its const enum is unavailable with type stripping. */
const argon2id = 2;

/** Creates the hasher (Argon2id, RFC 9106, one lane). */
export async function createHasher({ memory, passes, queue, threadPool, cores }: HasherOptions): Promise<Hasher> {
  const options = { algorithm: argon2id, memoryCost: memory, timeCost: passes, parallelism: 1 };
  // jose uses the same thread pool: if hashes used all threads, every token of the
  // process would wait for a password.
  const atOnce = Math.max(1, Math.min(cores, threadPool - 2));
  const limit = pLimit(atOnce);
  const dummyHash = await argon2.hash('no account has this password', options);
  const average = await measure(() => argon2.verify(dummyHash, 'another password'));

  async function enqueue<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (limit.activeCount >= atOnce && limit.pendingCount >= queue) {
      throw failure('SERVER_BUSY', { retryAfter: ((limit.pendingCount / atOnce) * average) / 1_000 });
    }
    // Skips callers that gave up while queued.
    return limit(() => (signal?.aborted ? Promise.reject(failure('CANCELLED')) : work()));
  }

  return {
    hash: (password, signal) => enqueue(signal, () => argon2.hash(password, options)),
    verify: (given, password, signal) =>
      enqueue(signal, async () => {
        const hash = typeof given === 'function' ? await given() : given;
        const read = hash === undefined ? undefined : readHash(hash);
        if (read) return read.verify(password);
        await argon2.verify(dummyHash, password);
        return false;
      }),
    countedPart: (hash, password) => readHash(hash)?.counted?.(password) ?? password,
    isOutdated(hash) {
      const [, m, t, p] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(hash) ?? [];
      return p === undefined || Number(m) < memory || Number(t) < passes;
    },
    load: () => ({ running: limit.activeCount, waiting: limit.pendingCount }),
  };
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
