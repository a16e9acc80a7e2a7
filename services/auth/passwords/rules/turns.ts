import { failure } from '../../reasons.ts';

/** Lets work on one thing run one after the other, while work on others goes on. */
export interface Turns {
  /** @throws SERVER_BUSY where too many wait for the same thing */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Makes turns, of which so many may be waited for by key. */
export function createTurns(mostWaiting: number): Turns {
  const queues = new Map<string, { last: Promise<unknown>; length: number }>();
  return {
    async take(key, work) {
      const queue = queues.get(key) ?? { last: Promise.resolve(), length: 0 };
      if (queue.length > mostWaiting) throw failure('SERVER_BUSY', { retryAfter: 1 });
      queues.set(key, queue);
      queue.length += 1;
      const turn = queue.last.then(work);
      queue.last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        queue.length -= 1;
        if (queue.length === 0) queues.delete(key);
      }
    },
  };
}
