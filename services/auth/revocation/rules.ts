import { EventEmitter, once } from 'node:events';
import { createRevocationSet, type RevocationSet } from '#kit/guard/revocation-set.ts';
import type { Revocations } from '#kit/guard/revocations.ts';

/** A revocation as guards take it. */
export type Revocation = Parameters<RevocationSet['add']>[0][number];

/** A revocation and its place in the order of all of them. */
export interface SequencedRevocation {
  readonly sequence: bigint;
  /** Names it. */
  readonly id: string;
  readonly revocation: Revocation;
}

/** A place in the order of revocations. */
export interface RevocationPosition {
  /** Names the history that sequences count in. */
  readonly history: string;
  readonly sequence: bigint;
  /** Names the revocation at the place: after commits were lost, another may stand there. */
  readonly lastId: string;
}

/** Persistence port for revocations. Triggers write them, beside what causes them. */
export interface RevocationStore {
  /** The last position. */
  head(): Promise<RevocationPosition>;
  /** The id of the revocation at a sequence; undefined where none is kept. */
  idAt(sequence: bigint): Promise<string | undefined>;
  /** Those behind a sequence that somebody could still need, in their order. */
  after(sequence: bigint, limit: number): Promise<SequencedRevocation[]>;
}

/** What this replica of the auth service knows of revocations: its own and those of other replicas. */
export interface LocalRevocations extends Revocations {
  /** How far it has come; undefined before the first time. */
  head(): RevocationPosition | undefined;
  /** Changes where the table turns out to be another one: positions that were good before may not be any more. */
  readonly generation: number;
  /** Tells whether a position is one of the history that this replica has read, the table included. */
  knows(position: RevocationPosition): Promise<boolean>;
  /** Tells whether the table was looked at within the last seconds, and nothing there was new. */
  isReady(): boolean;
  /** Resolves once everything in the table is known. @throws where the database does not answer */
  ready(): Promise<void>;
  /** Those behind a sequence, from memory where they are recent, else from the table; in order, a page at most. */
  after(sequence: bigint): Promise<readonly SequencedRevocation[]>;
  /** Resolves when something is new, or the time is over. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  /** Looks at the table now. */
  pull(): Promise<void>;
  readonly size: number;
  /** Wakes all who wait for a change. */
  close(): void;
}

/** Revocations that are read, or told, at once. */
const revocationPage = 5_000;
/** How many of the latest are kept in memory for watchers. */
const recentMost = 20_000;
/** Knowledge that is older is not told as current, ms. */
const currentFor = 2_500;

/**
 * Follows the table of revocations; `pull` is called where there may be something
 * new. Where the table is not the one that was read before (it was put back, or a
 * failover lost commits), all of it is read and added to what is known: nothing is
 * forgotten before it expires.
 */
export function createLocalRevocations(store: RevocationStore): LocalRevocations {
  const set = createRevocationSet();
  const news = new EventEmitter().setMaxListeners(0);
  let head: RevocationPosition | undefined;
  let generation = 0;
  let recent: SequencedRevocation[] = [];
  // The recent ones are all that there are behind this sequence.
  let recentFrom = 0n;
  let lookedAt = -Infinity;
  let running: Promise<void> | undefined;
  let again = false;

  /** Adds to the recent ones what follows them without a gap. */
  function keep(read: readonly SequencedRevocation[]): void {
    recent.push(...read);
    const surplus = recent.length - recentMost;
    if (surplus > 0) recentFrom = recent.splice(0, surplus).at(-1)?.sequence ?? recentFrom;
  }

  async function look(): Promise<void> {
    const found = await store.head();
    const goesOn = head !== undefined && (await continues(head, found));
    let at = head && goesOn ? head : { ...found, sequence: 0n, lastId: '' };
    let read: SequencedRevocation[] = [];
    let readFrom = at.sequence;
    while (at.sequence < found.sequence) {
      const page = await store.after(at.sequence, revocationPage);
      // At once: what is revoked is refused here, whatever becomes of the rest.
      set.add(page.map(({ revocation }) => revocation));
      read = [...read, ...page];
      if (read.length > recentMost) readFrom = read.splice(0, read.length - recentMost).at(-1)?.sequence ?? readFrom;
      const last = page.at(-1);
      // Behind the last of a page that is not full, all has expired.
      const isLast = page.length < revocationPage && (last?.sequence ?? 0n) < found.sequence;
      at = isLast || !last ? found : { history: found.history, sequence: last.sequence, lastId: last.id };
    }
    // From here on nothing is awaited: a watcher sees all of the new table, or all of the old one.
    const isNew = at !== head;
    if (!goesOn) generation += 1;
    if (goesOn && readFrom === head?.sequence) keep(read);
    else [recent, recentFrom] = [read, readFrom];
    head = at;
    lookedAt = performance.now();
    if (isNew) news.emit('new');
  }

  /** Tells whether the head of the table is where this replica stands, or behind it in the same history. */
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

  /** One look at a time; whoever asks meanwhile gets another one after it. */
  function pull(): Promise<void> {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        await look();
      } while (again);
    })().finally(() => (running = undefined));
    return running;
  }

  const age = () => performance.now() - lookedAt;
  return {
    isRevoked: (token) => set.isRevoked(token),
    age: () => age() / 1_000,
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
