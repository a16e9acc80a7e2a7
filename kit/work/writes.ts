import type { Work } from './work.ts';

/** From an announcement to the first run, ms: most commits take less. */
const first = 5;
/**
 * Between the runs after an announcement, ms: rows that are written meanwhile are handled together, those of a slow commit no
 * later than 50 ms after it.
 */
const pauses = [25, 50, 50, 50, 50, 50, 50, 50];

/** Rows that this process writes and background work handles after their commit. */
export interface Writes {
  /** Announces rows. Call it with the statement that writes them, whose transaction commits later, or fails. */
  announce(): void;
  /** Wakes work after announcements until the returned function is called. */
  wakes(work: Pick<Work, 'wake'>): () => void;
}

/**
 * Creates a link from the statements of a process that write rows to the work that handles the rows: the work runs 5 ms
 * after an announcement, 25 ms later, and then seven times every 50 ms; every 25 ms while announcements go on.
 * Rows of a slower commit, and of a process that was killed, wait for the next run of the work's period.
 *
 * A NOTIFY in the transaction would be exact, but PostgreSQL commits the transactions that notify one after another, each
 * with its write to the disk, over all databases of a server.
 */
export function createWrites(): Writes {
  const woken = new Set<Pick<Work, 'wake'>>();
  let timer: NodeJS.Timeout | undefined;
  /** Runs since the last announcement. */
  let runs = 0;

  function run(): void {
    timer = undefined;
    for (const work of woken) work.wake();
    const pause = pauses[runs++];
    if (pause !== undefined && woken.size > 0) timer = setTimeout(run, pause).unref();
  }

  return {
    announce() {
      if (woken.size === 0) return;
      // A longer pause is not waited for.
      if (timer && runs > 1) {
        clearTimeout(timer);
        timer = undefined;
      }
      runs = 0;
      timer ??= setTimeout(run, first).unref();
    },
    wakes(work) {
      woken.add(work);
      return () => void woken.delete(work);
    },
  };
}
