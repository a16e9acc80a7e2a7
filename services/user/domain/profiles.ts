import { failure, reasonOf } from '#kit/errors/failure.ts';

/** What a person may change of their profile. */
export interface ProfileFields {
  readonly name: string;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

/** Persistence port for profiles. Every verb is atomic. */
export interface ProfileStore {
  find(userId: string): Promise<ProfileFields | undefined>;
  /** Writes the given fields and no others; undefined where there is no profile. */
  update(userId: string, changes: Partial<ProfileFields>): Promise<ProfileFields | undefined>;
  /** Adds a profile, or makes the changes to the one that exists; undefined where the account was erased. */
  begin(userId: string, fields: ProfileFields, changes: Partial<ProfileFields>): Promise<ProfileFields | undefined>;
  /** Removes profiles and leaves a tombstone for each account, whether it had a profile or not. Repeatable. */
  erase(userIds: readonly string[]): Promise<void>;
  /** Ids of accounts with a profile, ascending, beginning after the given one. */
  page(after: string | undefined, take: number): Promise<string[]>;
}

/** What the auth service knows of the caller. */
export interface Accounts {
  /** The name that the caller registered under. @throws as the auth service refuses, or SERVICE_UNAVAILABLE */
  callersName(): Promise<string>;
  /** Deletes the caller's account. @throws the same, and LAST_ADMIN */
  erase(): Promise<void>;
  /** Those of the given accounts that were deleted. @throws SERVICE_UNAVAILABLE */
  deletedAmong(userIds: readonly string[]): Promise<string[]>;
}

/** The profiles of people. */
export interface Profiles {
  get(userId: string): Promise<ProfileFields>;
  /**
   * Undefined where the account was erased.
   * @param mask the fields to write; without one, those that are set
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
 * Creates the profile service. Until its first update a profile is the account's name and nothing is kept: a read that
 * wrote could write after the account's erasure.
 */
export function createProfiles(deps: {
  readonly store: ProfileStore;
  readonly accounts: Accounts;
  /** Hears that the profile of a deleted account could not be erased at once; the sweep (sweep.ts) erases it. */
  readonly onLeft: (error: unknown) => void;
}): Profiles {
  const { store, accounts, onLeft } = deps;
  return {
    async get(userId) {
      const found = await store.find(userId);
      if (found) return found;
      try {
        return { ...empty, name: await accounts.callersName() };
      } catch (error) {
        // Reading goes on while the auth service is away; the name comes with a later read.
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
      // First: what refuses to delete the account must not have cost the profile.
      await accounts.erase();
      // A token of a deleted account cannot ask again, so this must not fail the call.
      await store.erase([userId]).catch(onLeft);
    },
  };
}

/** A field that the mask names and that is not set becomes empty; a name cannot be empty. */
function masked(set: Partial<ProfileFields>, mask: readonly string[]): Partial<ProfileFields> {
  const changes: Record<string, string> = {};
  for (const path of mask) {
    if (!isField(path)) throw wrongMask(path, 'names a field that cannot be written');
    changes[path] = set[path] ?? '';
  }
  if (changes['name'] === '') throw wrongMask('name', 'must not be emptied');
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
