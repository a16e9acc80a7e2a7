import { failure, reasonOf } from '#kit/errors/failure.ts';

/** What a person may change of their profile. */
export interface ProfileFields {
  readonly name: string;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

/** Profiles, kept. Every verb is one statement. */
export interface ProfileStore {
  find(userId: string): Promise<ProfileFields | undefined>;
  /** Adds a profile unless there is one, and answers the one that is kept. */
  insertOnce(userId: string, fields: ProfileFields): Promise<ProfileFields>;
  /** Writes the given fields and no others; undefined where there is no profile. */
  update(userId: string, changes: Partial<ProfileFields>): Promise<ProfileFields | undefined>;
  /** Removes a profile, if there is one and the work that is done meanwhile succeeds. */
  removeWith(userId: string, work: () => Promise<void>): Promise<void>;
}

/** What the auth service knows of the caller. */
export interface Accounts {
  /** The name that the caller registered under. @throws as the auth service refuses, or SERVICE_UNAVAILABLE */
  callersName(): Promise<string>;
  /** Deletes the caller's account. @throws the same, and LAST_ADMIN */
  erase(): Promise<void>;
}

/** The profiles of people. */
export interface Profiles {
  get(userId: string): Promise<ProfileFields>;
  /** @param mask the fields to write; without one, those that are set */
  update(userId: string, set: Partial<ProfileFields>, mask: readonly string[] | undefined): Promise<ProfileFields>;
  /** Deletes profile and account. */
  erase(userId: string): Promise<void>;
}

const empty: ProfileFields = { name: '', bio: '', phone: '', locale: '' };

/** A profile begins, when it is first asked for, with the name that its owner registered under. */
export function createProfiles(deps: { readonly store: ProfileStore; readonly accounts: Accounts }): Profiles {
  const { store, accounts } = deps;
  const begin = async (userId: string) => store.insertOnce(userId, { ...empty, name: await accounts.callersName() });
  return {
    async get(userId) {
      const found = await store.find(userId);
      if (found) return found;
      try {
        return await begin(userId);
      } catch (error) {
        // Reading goes on while the auth service is away. Nothing is kept, so the name comes with the next read.
        if (reasonOf(error) === 'SERVICE_UNAVAILABLE') return empty;
        throw error;
      }
    },
    async update(userId, set, mask) {
      const changes = mask === undefined ? set : masked(set, mask);
      const updated = await store.update(userId, changes);
      if (updated) return updated;
      const begun = await begin(userId);
      return (await store.update(userId, changes)) ?? begun;
    },
    // What refuses to delete the account must not have cost the profile.
    erase: (userId) => store.removeWith(userId, () => accounts.erase()),
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
