import { EventEmitter } from 'node:events';

/** The changes of one thing, from the moment it is watched. */
export interface Watched {
  /** Resolves at the next change, or at once after one since the last call; after `ms`; or when the signal aborts. */
  next(ms: number, signal?: AbortSignal): Promise<void>;
  /** Ends the watching. */
  close(): void;
}

/** Changes of rows that other processes make, too. */
export interface Changes {
  /** The handler of the channel, for `listen`. */
  readonly heard: Readonly<Record<string, (payload?: string) => void>>;
  /** Watches one thing. Watch before reading, so that no change between the two is missed. */
  watch(id: string): Watched;
}

/**
 * Hears of changes by a PostgreSQL channel whose payload is the id of what changed. After a lost connection everything
 * counts as changed. A notification may be lost with a connection that is not known to be broken yet, so readers also
 * look from time to time.
 */
export function createChanges(channel: string): Changes {
  const emitter = new EventEmitter().setMaxListeners(0);
  const everything = Symbol('everything');
  return {
    heard: { [channel]: (payload) => void emitter.emit(payload || everything) },
    watch(id) {
      let hasChanged = false;
      let wake: (() => void) | undefined;
      const change = () => {
        hasChanged = true;
        wake?.();
      };
      const names = [id, everything];
      for (const name of names) emitter.on(name, change);
      return {
        async next(ms, signal) {
          if (!hasChanged && signal?.aborted !== true) {
            await new Promise<void>((resolve) => {
              const timer = setTimeout(() => wake?.(), ms);
              wake = () => {
                clearTimeout(timer);
                signal?.removeEventListener('abort', stop);
                resolve();
              };
              const stop = () => wake?.();
              signal?.addEventListener('abort', stop, { once: true });
            });
            wake = undefined;
          }
          hasChanged = false;
        },
        close() {
          for (const name of names) emitter.off(name, change);
          wake?.();
        },
      };
    },
  };
}
