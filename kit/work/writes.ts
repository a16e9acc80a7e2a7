import type { Work } from './work.ts';

/** From an announcement to the first run, ms: most commits take less. */
const first = 5;
/** Between further runs, ms: rows that are written meanwhile are handled together. */
const interval = 25;
/** How long runs continue after the last announcement, ms: a commit may be slow. */
const lasting = 500;

/** Rows that this process writes and background work handles after their commit. */
export interface Writes {
  /** Announces rows. Call it with the statement that writes them, whose transaction commits later, or fails. */
  announce(): void;
  /** Wakes work after announcements until the returned function is called. */
  wakes(work: Pick<Work, 'wake'>): () => void;
}

/**
 * Creates a link from the statements of a process that write rows to the work that handles the rows: the work runs 5 ms
 * after an announcement, and then every 25 ms until half a second has passed without one. Rows of a slower commit, and
 * of a process that was killed, wait for the next run of the work's period.
 *
 * A NOTIFY in the transaction would be exact, but PostgreSQL commits the transactions that notify one after another, each
 * with its write to the disk, over all databases of a server.
 */
export function createWrites(): Writes {
  const woken = new Set<Pick<Work, 'wake'>>();
  let timer: NodeJS.Timeout | undefined;
  let until = -Infinity;

  function wait(ms: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      for (const work of woken) work.wake();
      if (performance.now() < until && woken.size > 0) wait(interval);
    }, ms).unref();
  }

  return {
    announce() {
      if (woken.size === 0) return;
      until = performance.now() + lasting;
      if (!timer) wait(first);
    },
    wakes(work) {
      woken.add(work);
      return () => void woken.delete(work);
    },
  };
}
