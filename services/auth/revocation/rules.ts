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

/** Consecutive revocations, encoded once for all watchers. */
export interface EncodedRevocations {
  /** Of the last one. */
  readonly sequence: bigint;
  /** Of the last one. */
  readonly id: string;
  /** The field `revocations` of a WatchResponse on the wire. */
  readonly encoded: Uint8Array;
}

/** The unexpired revocations that were read, in order. */
export interface RevocationLog {
  /** Appends revocations that follow the last one. @param now seconds since 1970 */
  append(revocations: readonly SequencedRevocation[], now: number): void;
  /** Returns revocations after a sequence, at most a page; undefined if there are none. */
  after(sequence: bigint): EncodedRevocations | undefined;
  /** Returns the id of the revocation at a sequence, if it is the last one of a page. */
  idAt(sequence: bigint): string | undefined;
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
  /** Returns at most a page of revocations after a sequence, up to the head; undefined if there are none. */
  after(sequence: bigint): EncodedRevocations | undefined;
  /** Resolves on a new revocation, after `ms`, or when aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  /** Reads the table now. */
  pull(): Promise<void>;
  readonly size: number;
  /** Wakes all waiters of `changed`. */
  close(): void;
}

/** Maximum revocations per read: handling them must not hold up requests. */
const readSize = 1_000;
/** Data older than this is not reported as current, ms. */
const currentFor = 2_500;

/**
 * Follows the table of revocations. Call `pull` when it may have changed. If the
 * table has lost commits (failover) or was restored, reads it completely and merges
 * it: no entry is dropped before it expires.
 * @param time the database's
 * @param createLog creates an empty log
 */
export function createLocalRevocations(
  store: RevocationStore,
  time: NonNullable<Revocations['time']>,
  createLog: () => RevocationLog,
): LocalRevocations {
  const set = createRevocationSet({ clock: time.now });
  const news = new EventEmitter().setMaxListeners(0);
  let head: RevocationPosition | undefined;
  let generation = 0;
  let log = createLog();
  let readAt = -Infinity;
  let running: Promise<void> | undefined;
  let isRequested = false;

  /** Moves the head, together with the log: a watcher reads both without waiting in between. */
  function moveTo(position: RevocationPosition): void {
    if (position === head) return;
    head = position;
    news.emit('new');
  }

  async function readTable(): Promise<void> {
    const found = await store.head();
    const isContinued = head !== undefined && (await continues(head, found));
    const into = isContinued ? log : createLog();
    let at = head && isContinued ? head : { ...found, sequence: 0n, lastId: '' };
    for await (const { page, end } of pagesBetween(store, at, found)) {
      // Immediately, so that these take effect even if a later read fails.
      set.add(page.map(({ revocation }) => revocation));
      into.append(page, time.now() / 1_000);
      at = end;
      if (isContinued) moveTo(at);
    }
    // Both forget what has expired, without anything new as well.
    set.add([]);
    into.append([], time.now() / 1_000);
    readAt = performance.now();
    if (isContinued) return;
    generation += 1;
    log = into;
    moveTo(at);
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
    return log.idAt(sequence) ?? store.idAt(sequence);
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
    after: (sequence) => log.after(sequence),
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

/** Reads the revocations after a position, up to another one or past it. Each page is read while the one before is handled. */
async function* pagesBetween(store: RevocationStore, from: RevocationPosition, to: RevocationPosition) {
  const read = async ({ sequence }: RevocationPosition) => {
    if (sequence >= to.sequence) return undefined;
    const page = await store.after(sequence, readSize);
    const last = page.at(-1);
    // After a page that is not full, all remaining entries have expired.
    const isLast = page.length < readSize && (last?.sequence ?? 0n) < to.sequence;
    return { page, end: isLast || !last ? to : { ...to, sequence: last.sequence, lastId: last.id } };
  };
  for (let found = await read(from); found;) {
    const next = read(found.end);
    // Its error is thrown below, unless the handling of this page throws first.
    next.catch(() => undefined);
    yield found;
    found = await next;
  }
}
