import { v7 as uuidv7 } from 'uuid';
import { faultOfHash, type HashFault } from '#kit/password-hash/password-hash.ts';
import type { Actor } from '../../audit/public.ts';
import { normalizeEmail, type User } from '../../users/public.ts';

/** An account that is brought along from elsewhere. */
export interface Import {
  readonly email: string;
  readonly name: string;
  /** Empty: no password yet. */
  readonly passwordHash: string;
  /** None: user. */
  readonly roles: readonly string[];
  readonly emailVerified: boolean;
  /** When it was made there; unset: now. */
  readonly createdAt: Date | undefined;
}

/** Why an account was not made. */
export type ImportReason = HashFault['reason'] | 'ROLE_UNKNOWN';

/** What became of an account. */
export type Imported = { readonly email: string } & (
  | { readonly outcome: 'created'; readonly userId: string }
  /** Whose email it is. Empty: they have gone since. */
  | { readonly outcome: 'email_taken'; readonly userId: string }
  | { readonly outcome: 'rejected'; readonly reason: ImportReason; readonly description: string }
);

/** An account as it is kept. */
export interface NewAccount {
  readonly user: User;
  /** Unset: no password yet. */
  readonly passwordHash: string | undefined;
}

/** What became of an account that was to be kept. */
export type Inserted =
  | { readonly outcome: 'created' | 'role_unknown' }
  | { readonly outcome: 'email_taken'; readonly userId: string };

/** Accounts from elsewhere, kept. */
export interface ImportStore {
  /**
   * Adds, in one statement, those whose email is not taken and whose roles there are, each with its audit event; tells,
   * in their order, what became of each.
   */
  insertEachOnce(accounts: readonly NewAccount[], by: Actor): Promise<Inserted[]>;
}

/** Brings accounts along from elsewhere. */
export interface Imports {
  /** What became of each, in their order. One that is there already stays as it is. */
  importAll(accounts: readonly Import[], by: Actor): Promise<Imported[]>;
}

/** Makes the importer of accounts. */
export function createImports(store: ImportStore, clock: () => number): Imports {
  function toAccount(account: Import): NewAccount {
    const now = new Date(clock());
    const { createdAt = now, passwordHash, roles } = account;
    const user: User = {
      // Lists go by it, the account that was made last first.
      id: uuidv7({ msecs: createdAt.getTime() }),
      email: normalizeEmail(account.email),
      name: account.name.trim(),
      roles: roles.length === 0 ? ['user'] : roles.toSorted(),
      createdAt,
      verifiedAt: account.emailVerified ? now : undefined,
    };
    return { user, passwordHash: passwordHash || undefined };
  }

  return {
    async importAll(accounts, by) {
      const judged = accounts.map((account) => {
        const { user, passwordHash } = toAccount(account);
        return { user, passwordHash, fault: passwordHash === undefined ? undefined : faultOfHash(passwordHash) };
      });
      const sound = judged.filter(({ fault }) => !fault);
      const inserted = sound.length === 0 ? [] : await store.insertEachOnce(sound, by);
      const outcomes = new Map(sound.map(({ user }, place) => [user.id, inserted[place]]));
      return judged.map(({ user, fault }) => told(user, fault, outcomes.get(user.id)));
    },
  };
}

function told({ id, email }: User, fault: HashFault | undefined, inserted: Inserted | undefined): Imported {
  if (fault) return { email, outcome: 'rejected', ...fault };
  if (!inserted) throw new Error('the store said nothing of an account');
  switch (inserted.outcome) {
    case 'created':
      return { email, outcome: 'created', userId: id };
    case 'email_taken':
      return { email, ...inserted };
    case 'role_unknown':
      return { email, outcome: 'rejected', reason: 'ROLE_UNKNOWN', description: 'has a role that there is not' };
  }
}
