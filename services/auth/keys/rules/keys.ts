import type { Log } from '#kit/log/log.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';
import { type Actor, system } from '../../audit/public.ts';
import type { StoredKey } from './signing-key.ts';
import { failure } from '../../reasons.ts';

/** The states of a signing key, and those that may follow each. */
export const keyStates = defineStates(
  {
    /** Published, does not sign yet. */
    pending: ['active', 'revoked'],
    /** Signs; there is exactly one. */
    active: ['retired', 'revoked'],
    /** Published, does not sign any more. */
    retired: ['gone', 'revoked'],
    /** Not published, without its private part. */
    gone: ['revoked'],
    /** Tokens that it signed are refused. */
    revoked: [],
  },
  ['pending', 'active'],
);

/** The state of a signing key. */
export type KeyState = StateOf<typeof keyStates>;

/** A signing key and what became of it. */
export interface KeyRecord extends StoredKey {
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly activatedAt: Date | undefined;
  readonly retiredAt: Date | undefined;
}

/**
 * Persistence port for signing keys. Where several try the same at once, one does it. Whatever changes a key wakes the
 * replicas (trigger `signing_keys_change`). Times in ms.
 */
export interface KeyStore {
  findActive(): Promise<KeyRecord | undefined>;
  findPending(): Promise<KeyRecord | undefined>;
  find(kid: string): Promise<KeyRecord | undefined>;
  /** Every key to publish, the active one first. */
  listPublished(): Promise<KeyRecord[]>;
  /** Every key there ever was, by age, the youngest first. */
  page(query: PageQuery): Promise<KeyRecord[]>;
  /** Makes a key the one that signs, at once, in the place of `previous`; tells whether it did. */
  activate(key: StoredKey, previous: string | undefined, by: Actor): Promise<boolean>;
  /** Adds the next key, unless there is one; tells whether it did. */
  insertPending(key: StoredKey, by: Actor): Promise<boolean>;
  /** Lets the next key sign, if it has been published for so long; tells whether it did. */
  promotePending(pendingFor: number, by: Actor): Promise<boolean>;
  /** Takes keys out of publication that began and ceased to sign so long ago; tells how many. */
  letGo(afterActivation: number, afterRetirement: number, by: Actor): Promise<number>;
  /**
   * Takes a key out of use at once (trigger `signing_keys_revoke`); where it was the one that signs, another takes its place.
   * False where there is none.
   */
  revoke(kid: string, replacement: StoredKey, by: Actor): Promise<boolean>;
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
  rotate(by: Actor): Promise<KeyRecord>;
  /** @throws NOT_FOUND */
  revoke(kid: string, by: Actor): Promise<KeyRecord>;
  /** When a key begins to sign, or began. */
  activation(key: KeyRecord): Date | undefined;
  /** Does what is due: begins, promotes and retires keys. */
  tick(): Promise<void>;
}

/** Clocks that are apart, ms. */
const skew = 10_000;

/** Creates the rotation of signing keys. */
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

  async function makeNext(by: Actor): Promise<KeyRecord | undefined> {
    const there = await store.findPending();
    if (there) return there;
    const key = await generate();
    if (await store.insertPending(key, by)) log.info({ kid: key.kid }, 'the next signing key was made');
    await reload();
    // Another replica's, where that was quicker; it may even sign by now.
    return (await store.find(key.kid)) ?? (await store.findPending());
  }

  async function tick(): Promise<void> {
    if (await store.promotePending(pending, system)) {
      log.info('the next signing key signs');
      await reload();
    }
    if (await isDue()) await makeNext(system);
    if ((await store.letGo(2 * rotation, tokenLife + skew, system)) > 0) await reload();
  }

  return {
    list: (page) =>
      readPage(
        page,
        ['keys'],
        (query) => store.page(query),
        ({ createdAt, kid }) => [createdAt.toISOString(), kid],
      ),
    async rotate(by) {
      const next = (await makeNext(by)) ?? (await store.findActive());
      if (!next) throw failure('NOT_FOUND');
      return next;
    },
    async revoke(kid, by) {
      if (!(await store.find(kid)) || !(await store.revoke(kid, await generate(), by))) throw failure('NOT_FOUND');
      log.warn({ kid }, 'a signing key was revoked');
      await reload();
      const revoked = await store.find(kid);
      if (!revoked) throw failure('NOT_FOUND');
      return revoked;
    },
    activation: ({ state, createdAt, activatedAt }) =>
      state === 'pending' ? new Date(createdAt.getTime() + pending) : activatedAt,
    tick,
  };
}
