import type { Work } from './work.ts';

/** From an announcement to the first run, ms: most commits take less. */
const first = 5;
/** From the first run to the second one, ms: rows that are written meanwhile are handled together. */
const interval = 25;
/** The time between two runs doubles up to this, ms, and then ends: a commit may be slow. */
const longest = 200;

/** Rows that this process writes and background work handles after their commit. */
export interface Writes {
  /** Announces rows. Call it with the statement that writes them, whose transaction commits later, or fails. */
  announce(): void;
  /** Wakes work after announcements until the returned function is called. */
  wakes(work: Pick<Work, 'wake'>): () => void;
}

/**
 * Creates a link from the statements of a process that write rows to the work that handles the rows: the work runs 5 ms
 * after an announcement, and again after another 25, 50, 100 and 200 ms; every 25 ms while announcements go on. Rows of a
 * slower commit, and of a process that was killed, wait for the next run of the work's period.
 *
 * A NOTIFY in the transaction would be exact, but PostgreSQL commits the transactions that notify one after another, each
 * with its write to the disk, over all databases of a server.
 */
export function createWrites(): Writes {
  const woken = new Set<Pick<Work, 'wake'>>();
  let timer: NodeJS.Timeout | undefined;
  let next = interval;

  function run(): void {
    timer = undefined;
    for (const work of woken) work.wake();
    if (next > longest || woken.size === 0) return;
    timer = setTimeout(run, next).unref();
    next *= 2;
  }

  return {
    announce() {
      if (woken.size === 0) return;
      // A pause that has grown is not waited for.
      if (timer && next > 2 * interval) {
        clearTimeout(timer);
        timer = undefined;
      }
      next = interval;
      timer ??= setTimeout(run, first).unref();
    },
    wakes(work) {
      woken.add(work);
      return () => void woken.delete(work);
    },
  };
}
