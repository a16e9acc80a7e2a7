import { EventEmitter, once } from 'node:events';
import { createRevocationSet, type RevocationSet } from '#kit/guard/revocation-set.ts';
import type { Revocations } from '#kit/guard/revocations.ts';

/** A revocation in the guard's format. */
export type Revocation = Parameters<RevocationSet['add']>[0][number];

/** A revocation with its sequence number, in commit order. */
export interface SequencedRevocation {
  readonly sequence: bigint;
  /** Unique id. */
  readonly id: string;
  readonly revocation: Revocation;
}

/** A position in the sequence of revocations. */
export interface RevocationPosition {
  /** Id of the history to which the sequence belongs. */
  readonly history: string;
  readonly sequence: bigint;
  /** Id of the revocation at the sequence; it differs if commits were lost. */
  readonly lastId: string;
}

/** Persistence port for revocations. Triggers write them in the transaction of their cause. */
export interface RevocationStore {
  /** The last position. */
  head(): Promise<RevocationPosition>;
  /** The id of the revocation at a sequence; undefined if it does not exist or was deleted. */
  idAt(sequence: bigint): Promise<string | undefined>;
  /** Unexpired revocations after a sequence, in order. */
  after(sequence: bigint, limit: number): Promise<SequencedRevocation[]>;
}

/** The revocations known to this replica, written by any replica. */
export interface LocalRevocations extends Revocations {
  readonly time: NonNullable<Revocations['time']>;
  /** The last position read; undefined before the first read. */
  head(): RevocationPosition | undefined;
  /** Changes when the table has lost commits or was restored: earlier positions may be invalid. */
  readonly generation: number;
  /** Whether a position belongs to the history that this replica has read. */
  knows(position: RevocationPosition): Promise<boolean>;
  /** Whether the table was read within the last seconds. */
  isReady(): boolean;
  /** Resolves when the table has been read. @throws Error if the database is unavailable */
  ready(): Promise<void>;
  /** At most a page of revocations after a sequence, in order; recent ones from memory, others from the table. */
  after(sequence: bigint): Promise<readonly SequencedRevocation[]>;
  /** Resolves on a new revocation, after `ms`, or when aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  /** Reads the table now. */
  pull(): Promise<void>;
  readonly size: number;
  /** Wakes all waiters of `changed`. */
  close(): void;
}

/** Maximum revocations per read or message. */
const revocationPage = 5_000;
/** Recent revocations kept in memory for watchers. */
const maxRecent = 20_000;
/** Data older than this is not reported as current, ms. */
const currentFor = 2_500;

/**
 * Follows the table of revocations. Call `pull` when it may have changed. If the
 * table has lost commits (failover) or was restored, reads it completely and merges
 * it: no entry is dropped before it expires.
 * @param time the database's
 */
export function createLocalRevocations(
  store: RevocationStore,
  time: NonNullable<Revocations['time']>,
): LocalRevocations {
  const set = createRevocationSet({ clock: time.now });
  const news = new EventEmitter().setMaxListeners(0);
  let head: RevocationPosition | undefined;
  let generation = 0;
  let recent: SequencedRevocation[] = [];
  // `recent` is complete after this sequence.
  let recentFrom = 0n;
  let readAt = -Infinity;
  let running: Promise<void> | undefined;
  let isRequested = false;

  /** Appends revocations that directly follow the recent ones. */
  function append(read: readonly SequencedRevocation[]): void {
    recent.push(...read);
    const surplus = recent.length - maxRecent;
    if (surplus > 0) recentFrom = recent.splice(0, surplus).at(-1)?.sequence ?? recentFrom;
  }

  async function readTable(): Promise<void> {
    const found = await store.head();
    const isContinued = head !== undefined && (await continues(head, found));
    let at = head && isContinued ? head : { ...found, sequence: 0n, lastId: '' };
    let read: SequencedRevocation[] = [];
    let readFrom = at.sequence;
    while (at.sequence < found.sequence) {
      const page = await store.after(at.sequence, revocationPage);
      // Immediately, so that these take effect even if a later read fails.
      set.add(page.map(({ revocation }) => revocation));
      read = [...read, ...page];
      if (read.length > maxRecent) readFrom = read.splice(0, read.length - maxRecent).at(-1)?.sequence ?? readFrom;
      const last = page.at(-1);
      // After a page that is not full, all remaining entries have expired.
      const isLast = page.length < revocationPage && (last?.sequence ?? 0n) < found.sequence;
      at = isLast || !last ? found : { history: found.history, sequence: last.sequence, lastId: last.id };
    }
    // No await from here on: a watcher sees either the old state or the new one.
    const isNew = at !== head;
    if (!isContinued) generation += 1;
    if (isContinued && readFrom === head?.sequence) append(read);
    else [recent, recentFrom] = [read, readFrom];
    head = at;
    readAt = performance.now();
    if (isNew) news.emit('new');
  }

  /** Whether the table's head is at, or after, this replica's position in the same history. */
  async function continues(position: RevocationPosition, found: RevocationPosition): Promise<boolean> {
    if (found.history !== position.history || found.sequence < position.sequence) return false;
    if (position.sequence === 0n) return true;
    const isSame = found.sequence === position.sequence;
    return position.lastId === (isSame ? found.lastId : await store.idAt(position.sequence));
  }

  async function idAt(sequence: bigint): Promise<string | undefined> {
    if (head?.sequence === sequence) return head.lastId;
    return recent.find((one) => one.sequence === sequence)?.id ?? store.idAt(sequence);
  }

  /** Reads are sequential. A call during a read causes one more read, which it waits for. */
  function pull(): Promise<void> {
    if (running) {
      isRequested = true;
      return running;
    }
    running = (async () => {
      do {
        isRequested = false;
        await readTable();
      } while (isRequested);
    })().finally(() => (running = undefined));
    return running;
  }

  const age = () => performance.now() - readAt;
  return {
    isRevoked: (token) => set.isRevoked(token),
    age: () => age() / 1_000,
    time,
    head: () => head,
    get generation() {
      return generation;
    },
    async knows({ history, sequence, lastId }) {
      if (!head || history !== head.history || sequence > head.sequence) return false;
      return sequence === 0n || (await idAt(sequence)) === lastId;
    },
    isReady: () => age() < currentFor,
    ready: () => (head ? Promise.resolve() : pull()),
    async after(sequence) {
      if (sequence < recentFrom) return store.after(sequence, revocationPage);
      const from = recent.findIndex((one) => one.sequence > sequence);
      return from < 0 ? [] : recent.slice(from, from + revocationPage);
    },
    async changed(ms, signal) {
      const within = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
      await once(news, 'new', { signal: within }).catch(() => undefined);
    },
    async pull() {
      await pull();
    },
    get size() {
      return set.size;
    },
    close() {
      news.emit('new');
    },
  };
}
