import { failure } from '../reasons.ts';
import { isKind, isSecurity, type Kind, kindNames } from './kinds.ts';

/** The channels of a kind that a user chose. */
export interface Channels {
  readonly email: boolean;
  readonly sms: boolean;
}

/** The channels of a kind, as the user sees them. */
export interface Preference extends Channels {
  readonly kind: Kind;
  readonly locked: boolean;
}

/** A requested change. Undefined channels do not change. */
export interface PreferenceChange {
  readonly kind: string;
  readonly inApp?: boolean | undefined;
  readonly email?: boolean | undefined;
  readonly sms?: boolean | undefined;
}

/** A checked change. */
export interface ChosenChannels {
  readonly kind: Kind;
  readonly email: boolean | undefined;
  readonly sms: boolean | undefined;
}

/** The channels of every kind for a user who chose nothing, and of security kinds for every user. */
export const standard: Channels = { email: true, sms: false };

/** Persistence port for preferences. */
export interface PreferenceStore {
  find(userId: string): Promise<ReadonlyMap<Kind, Channels>>;
  /** Writes changes in one statement; false if the account was erased. */
  choose(userId: string, changes: readonly ChosenChannels[]): Promise<boolean>;
}

/** The preferences of users. */
export interface PreferenceRules {
  list(userId: string): Promise<Preference[]>;
  /**
   * Applies changes and returns all preferences; undefined if the account was erased.
   * @throws INVALID_ARGUMENT for an unknown kind or a kind twice; PREFERENCE_LOCKED
   */
  change(userId: string, changes: readonly PreferenceChange[]): Promise<Preference[] | undefined>;
}

/** Creates the preferences. */
export function createPreferences(store: PreferenceStore): PreferenceRules {
  async function list(userId: string): Promise<Preference[]> {
    const chosen = await store.find(userId);
    return kindNames.map((kind) => {
      const locked = isSecurity(kind);
      return { kind, ...(locked ? standard : (chosen.get(kind) ?? standard)), locked };
    });
  }
  return {
    list,
    async change(userId, changes) {
      const checked = changes.map(check);
      const twice = checked.find(({ kind }, place) => checked.findIndex((one) => one.kind === kind) !== place);
      if (twice) throw invalid(`names ${twice.kind} twice`, 'REPEATED');
      return (await store.choose(userId, checked)) ? list(userId) : undefined;
    },
  };
}

function check({ kind, inApp, email, sms }: PreferenceChange): ChosenChannels {
  if (!isKind(kind)) throw invalid('names an unknown kind', 'UNKNOWN_KIND');
  const changesLocked =
    isSecurity(kind) &&
    ((email !== undefined && email !== standard.email) || (sms !== undefined && sms !== standard.sms));
  if (inApp === false || changesLocked) throw failure('PREFERENCE_LOCKED', { metadata: { kind } });
  return { kind, email, sms };
}

function invalid(description: string, reason: string) {
  return failure('INVALID_ARGUMENT', { fields: [{ field: 'preferences', description, reason }] });
}
