import type { Closing } from '#kit/process/run.ts';

/** The resources of a process that a test plays. */
export interface TestClosing extends Closing {
  /** Closes them in reverse order. */
  close(): Promise<void>;
}

/** Creates the list of what a test closes in place of a process. */
export function createClosing(): TestClosing {
  const closers: (() => unknown)[] = [];
  return {
    add: (close) => void closers.push(close),
    draining: new AbortController().signal,
    keepOpen: () => undefined,
    async close() {
      for (const close of closers.splice(0).toReversed()) await close();
    },
  };
}
