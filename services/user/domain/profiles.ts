import { failure, reasonOf } from '#kit/errors/failure.ts';

/** The editable fields of a profile. */
export interface ProfileFields {
  readonly name: string;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

/** Persistence port for profiles. Every method is atomic. */
export interface ProfileStore {
  find(userId: string): Promise<ProfileFields | undefined>;
  /** Writes only the given fields; undefined if no profile exists. */
  update(userId: string, changes: Partial<ProfileFields>): Promise<ProfileFields | undefined>;
  /** Inserts a profile, or applies the changes to an existing one; undefined if the account was erased. */
  begin(userId: string, fields: ProfileFields, changes: Partial<ProfileFields>): Promise<ProfileFields | undefined>;
  /** Deletes profiles and writes a tombstone for each account, with or without a profile. Idempotent. */
  erase(userIds: readonly string[]): Promise<void>;
  /** Ids of accounts with a profile, ascending, after the given one. */
  page(after: string | undefined, take: number): Promise<string[]>;
}

/** Port to the auth service's accounts. */
export interface Accounts {
  /** The caller's registered name. @throws the auth service's error, or SERVICE_UNAVAILABLE */
  callersName(): Promise<string>;
  /** Deletes the caller's account. @throws the same errors, and LAST_ADMIN */
  erase(): Promise<void>;
  /** The deleted ones among the given accounts. @throws SERVICE_UNAVAILABLE */
  deletedAmong(userIds: readonly string[]): Promise<string[]>;
}

/** The profile service. */
export interface Profiles {
  get(userId: string): Promise<ProfileFields>;
  /**
   * Undefined if the account was erased.
   * @param mask the fields to write; by default those that are set
   */
  update(
    userId: string,
    set: Partial<ProfileFields>,
    mask: readonly string[] | undefined,
  ): Promise<ProfileFields | undefined>;
  /** Deletes account and profile. */
  erase(userId: string): Promise<void>;
}

const empty: ProfileFields = { name: '', bio: '', phone: '', locale: '' };

/**
 * Creates the profile service. Until the first update, a profile has only the account's name and no row: a read that
 * wrote a row could write it after the account's erasure.
 */
export function createProfiles(deps: {
  readonly store: ProfileStore;
  readonly accounts: Accounts;
  /** Called if erasing the profile of a deleted account fails; the sweep (sweep.ts) retries it. */
  readonly onEraseFailed: (error: unknown) => void;
}): Profiles {
  const { store, accounts, onEraseFailed } = deps;
  return {
    async get(userId) {
      const found = await store.find(userId);
      if (found) return found;
      try {
        return { ...empty, name: await accounts.callersName() };
      } catch (error) {
        // Reads work while the auth service is unavailable; a later read has the name.
        if (reasonOf(error) === 'SERVICE_UNAVAILABLE') return empty;
        throw error;
      }
    },
    async update(userId, set, mask) {
      const changes = mask === undefined ? set : masked(set, mask);
      const updated = await store.update(userId, changes);
      if (updated) return updated;
      const name = changes.name ?? (await accounts.callersName());
      return store.begin(userId, { ...empty, ...changes, name }, changes);
    },
    async erase(userId) {
      // The account first: if its deletion is refused, the profile must remain.
      await accounts.erase();
      // The client cannot retry with the token of a deleted account, so a failure here must not fail the call.
      await store.erase([userId]).catch(onEraseFailed);
    },
  };
}

/** Clears fields that the mask names and that are not set. @throws INVALID_ARGUMENT for an unknown field or an empty name */
function masked(set: Partial<ProfileFields>, mask: readonly string[]): Partial<ProfileFields> {
  const changes: Record<string, string> = {};
  for (const path of mask) {
    if (!isField(path)) throw wrongMask(path, 'names an unknown or read-only field');
    changes[path] = set[path] ?? '';
  }
  if (changes['name'] === '') throw wrongMask('name', 'must not be empty');
  return changes;
}

function isField(path: string): path is keyof ProfileFields {
  return Object.hasOwn(empty, path);
}

function wrongMask(path: string, description: string) {
  return failure('INVALID_ARGUMENT', {
    fields: [{ field: path === 'name' ? 'name' : 'update_mask', description }],
  });
}
