import * as argon2 from '@node-rs/argon2';
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { failure } from '#kit/errors/failure.ts';
import { currentCall } from '#kit/rpc/call.ts';

/** Hashes passwords off the event loop, a bounded number at once, the rest in a bounded queue. */
export interface Hasher {
  /** A PHC string. @throws SERVER_BUSY where the queue is full */
  hash(password: string): Promise<string>;
  /**
   * Tells whether the password belongs to the hash. Without a hash it works just as
   * long and answers no, so that an unknown email cannot be told by the time it takes.
   * @throws SERVER_BUSY where the queue is full
   */
  verify(hash: string | undefined, password: string): Promise<boolean>;
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
}

/** The binding's number for it; its enum is of the kind that type stripping leaves behind. */
const argon2id = 2;

/** Makes a hasher (Argon2id, RFC 9106, one lane). */
export async function createHasher({ memory, passes, queue, threadPool }: HasherOptions): Promise<Hasher> {
  const options = { algorithm: argon2id, memoryCost: memory, timeCost: passes, parallelism: 1 };
  // jose signs and verifies on the same pool of threads: were all of them to hash,
  // every token in the process would wait for a password.
  const atOnce = Math.max(1, Math.min(availableParallelism(), threadPool - 2));
  const limit = pLimit(atOnce);
  const nobody = await argon2.hash('nobody has this password', options);
  const average = await measure(() => argon2.verify(nobody, 'nor this one'));

  async function enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (limit.activeCount >= atOnce && limit.pendingCount >= queue) {
      throw failure('SERVER_BUSY', { retryAfter: ((limit.pendingCount / atOnce) * average) / 1_000 });
    }
    const call = currentCall();
    // Whoever has gone while waiting gets no hash: there is one less to wait for.
    return limit(() => (call?.signal.aborted ? Promise.reject(failure('CANCELLED')) : work()));
  }

  return {
    hash: (password) => enqueue(() => argon2.hash(password, options)),
    verify: (hash, password) =>
      enqueue(async () => {
        const matches = await argon2.verify(hash ?? nobody, password);
        return hash !== undefined && matches;
      }),
  };
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
