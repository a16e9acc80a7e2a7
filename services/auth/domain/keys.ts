import { failure } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import type { StoredKey } from '../crypto/signing-key.ts';

/** pending -> active -> retired -> gone; revoked from any of them. */
export type KeyState = 'pending' | 'active' | 'retired' | 'gone' | 'revoked';

/** A signing key and what became of it. */
export interface KeyRecord extends StoredKey {
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly activatedAt: Date | undefined;
  readonly retiredAt: Date | undefined;
}

/** Signing keys, kept. Where several try the same at once, one does it. Times in ms. */
export interface KeyStore {
  findActive(): Promise<KeyRecord | undefined>;
  findPending(): Promise<KeyRecord | undefined>;
  find(kid: string): Promise<KeyRecord | undefined>;
  /** Every key to publish, the active one first. */
  listPublished(): Promise<KeyRecord[]>;
  /** Every key there ever was, by age, the youngest first. */
  page(query: PageQuery): Promise<KeyRecord[]>;
  /** Makes a key the one that signs, at once, in the place of `previous`; tells whether it did. */
  activate(key: StoredKey, previous: string | undefined): Promise<boolean>;
  /** Adds the next key, unless there is one; tells whether it did. */
  insertPending(key: StoredKey): Promise<boolean>;
  /** Lets the next key sign, if it has been published for so long; tells whether it did. */
  promotePending(pendingFor: number): Promise<boolean>;
  /** Takes keys out of publication that began and ceased to sign so long ago; tells how many. */
  letGo(afterActivation: number, afterRetirement: number): Promise<number>;
  /** Takes a key out of use at once; where it was the one that signs, another takes its place. False where there is none. */
  revoke(kid: string, replacement: StoredKey): Promise<boolean>;
}

/** When keys change, ms. */
export interface KeyTimes {
  /** How long a key signs. It is published for twice as long. */
  readonly rotation: number;
  /** How long it is published before it signs: longer than any verifier goes without looking. */
  readonly pending: number;
  /** Longest life that a token may have, and may have had under another configuration. */
  readonly tokenLife: number;
}

/** Looks after signing keys. */
export interface Keys {
  list(page: PageRequest): Promise<Page<KeyRecord>>;
  /** The key that will sign next, made now unless it is there. */
  rotate(): Promise<KeyRecord>;
  /** @throws NOT_FOUND */
  revoke(kid: string): Promise<KeyRecord>;
  /** When a key begins to sign, or began. */
  activation(key: KeyRecord): Date | undefined;
  /** Does what is due. Called by a timer of its own. */
  tick(): Promise<void>;
  close(): void;
}

/** Looked at no less often than this, ms. */
const longestTick = 30_000;
/** Clocks that are apart, ms. */
const skew = 10_000;

/** Makes the keeper of signing keys, which rotates them on schedule until it is closed. */
export function createKeys(deps: {
  readonly store: KeyStore;
  readonly generate: () => Promise<StoredKey>;
  /** Called after this replica changed something. */
  readonly reload: () => Promise<void>;
  readonly times: KeyTimes;
  readonly log: Log;
}): Keys {
  const { store, generate, reload, times, log } = deps;
  const { rotation, pending, tokenLife } = times;

  async function isDue(): Promise<boolean> {
    const active = await store.findActive();
    const since = active?.activatedAt ?? active?.createdAt;
    return since !== undefined && Date.now() - since.getTime() >= rotation - pending;
  }

  async function makeNext(): Promise<KeyRecord | undefined> {
    const there = await store.findPending();
    if (there) return there;
    const key = await generate();
    if (await store.insertPending(key)) log.info({ kid: key.kid }, 'the next signing key was made');
    await reload();
    // Another replica's, where that was quicker; it may even sign by now.
    return (await store.find(key.kid)) ?? (await store.findPending());
  }

  async function tick(): Promise<void> {
    if (await store.promotePending(pending)) {
      log.info('the next signing key signs');
      await reload();
    }
    if (await isDue()) await makeNext();
    if ((await store.letGo(2 * rotation, tokenLife + skew)) > 0) await reload();
  }

  const timer = setInterval(
    () => {
      tick().catch((error: unknown) => log.warn({ err: error }, 'signing keys could not be looked after'));
    },
    Math.min(longestTick, pending / 4),
  ).unref();

  return {
    list: (page) =>
      readPage(
        page,
        ['keys'],
        (query) => store.page(query),
        ({ createdAt, kid }) => [createdAt.toISOString(), kid],
      ),
    async rotate() {
      const next = (await makeNext()) ?? (await store.findActive());
      if (!next) throw failure('NOT_FOUND');
      return next;
    },
    async revoke(kid) {
      if (!(await store.find(kid)) || !(await store.revoke(kid, await generate()))) throw failure('NOT_FOUND');
      log.warn({ kid }, 'a signing key was revoked');
      await reload();
      const revoked = await store.find(kid);
      if (!revoked) throw failure('NOT_FOUND');
      return revoked;
    },
    activation: ({ state, createdAt, activatedAt }) =>
      state === 'pending' ? new Date(createdAt.getTime() + pending) : activatedAt,
    tick,
    close: () => clearInterval(timer),
  };
}
