import { changesOf } from '#kit/contract/field-mask.ts';
import { reasonOf } from '#kit/errors/failure.ts';

/** The editable fields of a profile. */
export interface ProfileFields {
  readonly name: string;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

/** A stored profile. Where `name` is undefined, the profile has the account's name. */
export type StoredProfile = Omit<ProfileFields, 'name'> & { readonly name: string | undefined };

/** Persistence port for profiles. Every method is atomic. */
export interface ProfileStore {
  find(userId: string): Promise<StoredProfile | undefined>;
  /**
   * Applies changes to a profile, and inserts it where it is missing (the event of the account's registration was not
   * applied yet); undefined if the account was erased.
   */
  update(userId: string, changes: Partial<ProfileFields>): Promise<StoredProfile | undefined>;
}

/** Port to the auth service's accounts. */
export interface Accounts {
  /** The caller's registered name. @throws the auth service's error, or SERVICE_UNAVAILABLE */
  callersName(): Promise<string>;
  /** Deletes the caller's account. @throws the same errors, and LAST_ADMIN */
  erase(): Promise<void>;
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
  /** Deletes the account. The event of its deletion erases the profile. */
  erase(): Promise<void>;
}

const empty: ProfileFields = { name: '', bio: '', phone: '', locale: '' };
/** The values of cleared fields. A name cannot be cleared. */
const cleared = { ...empty, name: undefined };

/**
 * Creates the profile service. Profiles are inserted by the events of registrations (build.ts) and by updates, never by a
 * read: a read that wrote a row could write it after the account's erasure.
 */
export function createProfiles(deps: { readonly store: ProfileStore; readonly accounts: Accounts }): Profiles {
  const { store, accounts } = deps;

  async function named(stored: StoredProfile): Promise<ProfileFields> {
    return { ...stored, name: stored.name ?? (await callersName()) };
  }

  /** The caller's registered name; empty while the auth service is unavailable, because profiles are served without it. */
  async function callersName(): Promise<string> {
    try {
      return await accounts.callersName();
    } catch (error) {
      if (reasonOf(error) === 'SERVICE_UNAVAILABLE') return '';
      throw error;
    }
  }

  return {
    get: async (userId) => named((await store.find(userId)) ?? { ...empty, name: undefined }),
    async update(userId, set, mask) {
      const updated = await store.update(userId, changesOf<ProfileFields>(set, mask, cleared));
      return updated && named(updated);
    },
    erase: () => accounts.erase(),
  };
}
