import { failure } from '../../reasons.ts';

/** Serializes work per key. */
export interface Turns {
  /** Runs work after earlier work of the same key. @throws SERVER_BUSY if too much work is queued for the key */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Creates the turns. @param maxWaiting maximum queued work per key */
export function createTurns(maxWaiting: number): Turns {
  const queues = new Map<string, { last: Promise<unknown>; length: number }>();
  return {
    async take(key, work) {
      const queue = queues.get(key) ?? { last: Promise.resolve(), length: 0 };
      if (queue.length > maxWaiting) throw failure('SERVER_BUSY', { retryAfter: 1 });
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
