import { create } from '@bufbuild/protobuf';
import { EventEmitter, once } from 'node:events';
import { RevocationSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRevocationSet, type RevocationSet } from '#kit/guard/revocation-set.ts';
import type { Revocations } from '#kit/guard/revocations.ts';
import type { Log } from '#kit/log/log.ts';
import type { RevocationHead, RevocationStore, SequencedRevocation } from './revocations.ts';

/** What this replica of the auth service knows of revocations: its own and those of other replicas. */
export interface LocalRevocations extends Revocations {
  /** How far it has come; undefined before the first time. */
  head(): RevocationHead | undefined;
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
  close(): void;
}

/** Revocations that are read, or told, at once. */
export const revocationPage = 5_000;
/** How many of the latest are kept in memory for watchers. */
const recentMost = 20_000;
/** The table is looked at so often, in case that a notification was lost; ms. */
const pollEvery = 1_000;
/** Knowledge that is older is not told as current, ms. */
const currentFor = 2_500;

/** Follows the table of revocations. `pull` is for whoever hears that there is something new. */
export function createLocalRevocations(store: RevocationStore, log: Log): LocalRevocations {
  let set = createRevocationSet();
  const news = new EventEmitter().setMaxListeners(0);
  let head: RevocationHead | undefined;
  let recent: SequencedRevocation[] = [];
  // The recent ones are all that there are behind this sequence.
  let recentFrom = 0n;
  let lookedAt = -Infinity;
  let running: Promise<void> | undefined;
  let again = false;

  function take(page: readonly SequencedRevocation[], into: RevocationSet): void {
    into.add(page.map(({ revocation }) => create(RevocationSchema, revocation)));
    recent.push(...page);
    const surplus = recent.length - recentMost;
    if (surplus > 0) recentFrom = recent.splice(0, surplus).at(-1)?.sequence ?? recentFrom;
  }

  async function look(): Promise<void> {
    const found = await store.head();
    let at = head?.sequence ?? 0n;
    // Another database, or an older state of it: what is known stays until all that is there has been read.
    const isOther = found.history !== head?.history || found.sequence < at;
    const filling = isOther ? createRevocationSet() : set;
    if (isOther) [recent, recentFrom, at] = [[], 0n, 0n];
    const isNew = found.sequence !== at || found.history !== head?.history;
    while (at < found.sequence) {
      const page = await store.after(at, revocationPage);
      take(page, filling);
      const last = page.at(-1)?.sequence ?? 0n;
      at = page.length < revocationPage && last < found.sequence ? found.sequence : last;
    }
    set = filling;
    head = { history: found.history, sequence: at };
    lookedAt = performance.now();
    if (isNew) news.emit('new');
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

  const quietly = () =>
    void pull().catch((error: unknown) => log.warn({ err: error }, 'revocations could not be read; those known stay'));
  const timer = setInterval(quietly, pollEvery).unref();
  const age = () => performance.now() - lookedAt;
  return {
    isRevoked: (token) => set.isRevoked(token),
    age: () => age() / 1_000,
    head: () => head,
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
      clearInterval(timer);
      news.emit('new');
    },
  };
}
