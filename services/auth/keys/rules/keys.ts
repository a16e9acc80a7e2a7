import type { Log } from '#kit/log/log.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';
import { type Actor, system } from '../../audit/public.ts';
import type { StoredKey } from './signing-key.ts';
import { failure } from '../../reasons.ts';

/** The states of a signing key and their allowed successors. */
export const keyStates = defineStates(
  {
    /** Published, does not sign yet. */
    pending: ['active', 'revoked'],
    /** Published and signs. Exactly one key is active. */
    active: ['retired', 'revoked'],
    /** Published, no longer signs. */
    retired: ['gone', 'revoked'],
    /** Not published; its private key is erased. */
    gone: ['revoked'],
    /** Not published; its tokens are revoked. */
    revoked: [],
  },
  ['pending', 'active'],
);

/** The state of a signing key. */
export type KeyState = StateOf<typeof keyStates>;

/** A signing key with its state. */
export interface KeyRecord extends StoredKey {
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly activatedAt: Date | undefined;
  readonly retiredAt: Date | undefined;
}

/** Where a key comes from: this service, or an operator. */
export type KeyOrigin = 'generated' | 'imported';

/**
 * Persistence port for signing keys. Of concurrent identical calls, one takes effect. Every change of a key notifies
 * the replicas (trigger `signing_keys_change`). Times in ms.
 */
export interface KeyStore {
  findActive(): Promise<KeyRecord | undefined>;
  findPending(): Promise<KeyRecord | undefined>;
  find(kid: string): Promise<KeyRecord | undefined>;
  /** Every published key, the active one first. */
  listPublished(): Promise<KeyRecord[]>;
  /** All keys ever created, newest first. */
  page(query: PageQuery): Promise<KeyRecord[]>;
  /** Inserts a key as the active one and retires `previous`; returns whether it did. */
  activate(key: StoredKey, previous: string | undefined, by: Actor): Promise<boolean>;
  /** Inserts the pending key, unless one exists; returns whether it did. */
  insertPending(key: StoredKey, by: Actor, origin?: KeyOrigin): Promise<boolean>;
  /** Activates the pending key if it has been published for `pendingFor`; returns whether it did. */
  promotePending(pendingFor: number, by: Actor): Promise<boolean>;
  /** Removes retired keys that were activated and retired at least this long ago; returns their number. */
  removeExpired(afterActivation: number, afterRetirement: number, by: Actor): Promise<number>;
  /**
   * Revokes a key (trigger `signing_keys_revoke`). If it was active, activates the pending key or `replacement`.
   * False for an unknown key.
   */
  revoke(kid: string, replacement: StoredKey, by: Actor): Promise<boolean>;
}

/** Durations of the key rotation, ms. */
export interface KeyTimes {
  /** How long a key signs. It is published for twice as long. */
  readonly rotation: number;
  /** How long a key is published before it signs; longer than the cooldown of any verifier. */
  readonly pending: number;
  /** Maximum lifetime of a token under any configuration. */
  readonly tokenLife: number;
}

/** Management of signing keys. */
export interface Keys {
  list(page: PageRequest): Promise<Page<KeyRecord>>;
  /** Returns the pending key; creates it if none exists. */
  rotate(by: Actor): Promise<KeyRecord>;
  /**
   * Makes a private key in PEM the pending key.
   * @throws INVALID_ARGUMENT if the key is unfit, ALREADY_EXISTS if it was a key before, in any state, KEY_PENDING if
   * another key is pending
   */
  importKey(pem: string, by: Actor): Promise<KeyRecord>;
  /** @throws NOT_FOUND */
  revoke(kid: string, by: Actor): Promise<KeyRecord>;
  /** When a key starts or started to sign. */
  activation(key: KeyRecord): Date | undefined;
  /** Performs the due steps of the rotation: creates, promotes and removes keys. */
  tick(): Promise<void>;
}

/** Clock skew, ms. */
const skew = 10_000;

/** Creates the management of signing keys. */
export function createKeys(deps: {
  readonly store: KeyStore;
  readonly generate: () => Promise<StoredKey>;
  /** Makes a key of a private key in PEM. @throws INVALID_ARGUMENT */
  readonly fromPem: (pem: string) => Promise<StoredKey>;
  /** Called after this replica changed a key. */
  readonly reload: () => Promise<void>;
  /** The database's time, ms since 1970. */
  readonly clock: () => number;
  readonly times: KeyTimes;
  readonly log: Log;
}): Keys {
  const { store, generate, fromPem, reload, clock, times, log } = deps;
  const { rotation, pending, tokenLife } = times;

  async function isDue(): Promise<boolean> {
    const active = await store.findActive();
    const since = active?.activatedAt ?? active?.createdAt;
    return since !== undefined && clock() - since.getTime() >= rotation - pending;
  }

  async function makeNext(by: Actor): Promise<KeyRecord | undefined> {
    const existing = await store.findPending();
    if (existing) return existing;
    const key = await generate();
    if (await store.insertPending(key, by)) log.info({ kid: key.kid }, 'created the next signing key');
    await reload();
    // If another replica was faster, this returns its key, unless that is active by now.
    return (await store.find(key.kid)) ?? (await store.findPending());
  }

  async function tick(): Promise<void> {
    if (await store.promotePending(pending, system)) {
      log.info('activated the next signing key');
      await reload();
    }
    if (await isDue()) await makeNext(system);
    if ((await store.removeExpired(2 * rotation, tokenLife + skew, system)) > 0) await reload();
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
    async importKey(pem, by) {
      const key = await fromPem(pem);
      if (!(await store.insertPending(key, by, 'imported'))) {
        throw failure((await store.find(key.kid)) ? 'ALREADY_EXISTS' : 'KEY_PENDING');
      }
      log.info({ kid: key.kid }, 'imported the next signing key');
      await reload();
      const imported = await store.find(key.kid);
      if (!imported) throw failure('NOT_FOUND');
      return imported;
    },
    async revoke(kid, by) {
      if (!(await store.find(kid)) || !(await store.revoke(kid, await generate(), by))) throw failure('NOT_FOUND');
      log.warn({ kid }, 'revoked a signing key');
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
