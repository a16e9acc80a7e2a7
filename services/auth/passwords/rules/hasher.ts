import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import pLimit from 'p-limit';
import { failure } from '../../reasons.ts';

/** Hashes passwords off the event loop, a bounded number at once, the rest in a bounded queue. */
export interface Hasher {
  /**
   * A PHC string.
   * @param signal aborted when the caller stops waiting: a hash that has not begun by then is not made
   * @throws SERVER_BUSY where the queue is full, CANCELLED
   */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Tells whether the password belongs to the hash. Without a hash it works just as
   * long and answers no, so that an unknown email cannot be told by the time it takes.
   * Hashes are Argon2's, or bcrypt's from elsewhere, which passwords of more than 72 bytes never match. One that
   * cannot be read belongs to no password.
   * @param hash or a function that answers it, called when it is this one's turn; where it throws, nothing is hashed
   * @throws SERVER_BUSY where the queue is full, CANCELLED
   */
  verify(
    hash: string | undefined | (() => Promise<string | undefined>),
    password: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** Tells whether a hash is weaker than what `hash` makes now, or of another kind. */
  isOutdated(hash: string): boolean;
  /** How many are being hashed, and how many wait. */
  load(): { readonly running: number; readonly waiting: number };
}

/** How hard and how many. */
export interface HasherOptions {
  /** Argon2id memory, KiB. */
  readonly memory: number;
  /** Argon2id passes. */
  readonly passes: number;
  /** How many may wait. */
  readonly queue: number;
  /** Threads of libuv's pool. Hashes run one a core at most, and leave two threads free. */
  readonly threadPool: number;
  readonly cores: number;
}

/** The binding's number for it; its enum is of the kind that type stripping leaves behind. */
const argon2id = 2;

/** Hashes that accounts bring along from elsewhere; replaced at their next sign-in. */
const isBcrypt = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
const isArgon2 = /^\$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[+/A-Za-z0-9]+\$[+/A-Za-z0-9]+$/;

/**
 * bcrypt reads so many bytes, and none behind a NUL. What it would not read in full is compared by nobody
 * (NIST 800-63B-4 section 3.1.1.2), nor may one of many that would match replace the hash.
 */
const bcryptReads = 72;

/** Makes a hasher (Argon2id, RFC 9106, one lane). */
export async function createHasher({ memory, passes, queue, threadPool, cores }: HasherOptions): Promise<Hasher> {
  const options = { algorithm: argon2id, memoryCost: memory, timeCost: passes, parallelism: 1 };
  // jose signs and verifies on the same pool of threads: were all of them to hash,
  // every token in the process would wait for a password.
  const atOnce = Math.max(1, Math.min(cores, threadPool - 2));
  const limit = pLimit(atOnce);
  const nobody = await argon2.hash('nobody has this password', options);
  const average = await measure(() => argon2.verify(nobody, 'nor this one'));

  async function enqueue<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (limit.activeCount >= atOnce && limit.pendingCount >= queue) {
      throw failure('SERVER_BUSY', { retryAfter: ((limit.pendingCount / atOnce) * average) / 1_000 });
    }
    // Whoever has gone while waiting gets no hash: there is one less to wait for.
    return limit(() => (signal?.aborted ? Promise.reject(failure('CANCELLED')) : work()));
  }

  return {
    hash: (password, signal) => enqueue(signal, () => argon2.hash(password, options)),
    verify: (given, password, signal) =>
      enqueue(signal, async () => {
        const hash = typeof given === 'function' ? await given() : given;
        if (hash !== undefined && isBcrypt.test(hash)) {
          const isRead = Buffer.byteLength(password) <= bcryptReads && !password.includes('\0');
          return (await bcrypt.verify(isRead ? password : '', hash)) && isRead;
        }
        const isReadable = hash !== undefined && isArgon2.test(hash);
        return (await argon2.verify(isReadable ? hash : nobody, password)) && isReadable;
      }),
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
