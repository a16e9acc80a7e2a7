import { v7 as uuidv7 } from 'uuid';
import { normalizeEmail } from '#kit/contract/email.ts';
import { faultOfHash, type HashFault } from '#kit/password-hash/password-hash.ts';
import type { Actor } from '../../audit/public.ts';
import type { User } from '../../users/public.ts';

/** An account to import. */
export interface Import {
  readonly email: string;
  readonly name: string;
  /** Empty: no password. */
  readonly passwordHash: string;
  /** Empty: user. */
  readonly roles: readonly string[];
  readonly emailVerified: boolean;
  /** When the account was created in the other system; unset: now. */
  readonly createdAt: Date | undefined;
  /** Whether the owner cannot sign in until an administrator enables the account. */
  readonly disabled: boolean;
}

/** Why an account was rejected. */
export type ImportReason = HashFault['reason'] | 'ROLE_UNKNOWN';

/** Result of importing an account. */
export type Imported = { readonly email: string } & (
  | { readonly outcome: 'created'; readonly userId: string }
  /** `userId`: the existing account; empty if it was deleted meanwhile. */
  | { readonly outcome: 'email_taken'; readonly userId: string }
  | { readonly outcome: 'rejected'; readonly reason: ImportReason; readonly description: string }
);

/** An account to insert. */
export interface NewAccount {
  readonly user: User;
  /** Unset: no password. */
  readonly passwordHash: string | undefined;
}

/** Result of inserting an account. */
export type Inserted =
  | { readonly outcome: 'created' | 'role_unknown' }
  | { readonly outcome: 'email_taken'; readonly userId: string };

/** Persistence port for imported accounts. */
export interface ImportStore {
  /**
   * Inserts, in one statement, the accounts with a free email and known roles, each with its audit event. Returns the
   * results in input order.
   */
  insertEachOnce(accounts: readonly NewAccount[], by: Actor): Promise<Inserted[]>;
}

/** The account import. */
export interface Imports {
  /** Imports accounts and returns the results in input order. Existing accounts stay unchanged. */
  importAll(accounts: readonly Import[], by: Actor): Promise<Imported[]>;
}

/** Creates the account import. */
export function createImports(store: ImportStore, clock: () => number): Imports {
  function toAccount(account: Import): NewAccount {
    const now = new Date(clock());
    const { createdAt = now, passwordHash, roles } = account;
    const user: User = {
      // Lists are sorted by id, newest first.
      id: uuidv7({ msecs: createdAt.getTime() }),
      email: normalizeEmail(account.email),
      name: account.name.trim(),
      roles: roles.length === 0 ? ['user'] : roles.toSorted(),
      createdAt,
      verifiedAt: account.emailVerified ? now : undefined,
      disabledAt: account.disabled ? now : undefined,
    };
    return { user, passwordHash: passwordHash || undefined };
  }

  return {
    async importAll(accounts, by) {
      const checked = accounts.map((account) => {
        const { user, passwordHash } = toAccount(account);
        return { user, passwordHash, fault: passwordHash === undefined ? undefined : faultOfHash(passwordHash) };
      });
      const valid = checked.filter(({ fault }) => !fault);
      const inserted = valid.length === 0 ? [] : await store.insertEachOnce(valid, by);
      const outcomes = new Map(valid.map(({ user }, index) => [user.id, inserted[index]]));
      return checked.map(({ user, fault }) => resultOf(user, fault, outcomes.get(user.id)));
    },
  };
}

function resultOf({ id, email }: User, fault: HashFault | undefined, inserted: Inserted | undefined): Imported {
  if (fault) return { email, outcome: 'rejected', ...fault };
  if (!inserted) throw new Error('the store returned no result for an account');
  switch (inserted.outcome) {
    case 'created':
      return { email, outcome: 'created', userId: id };
    case 'email_taken':
      return { email, ...inserted };
    case 'role_unknown':
      return { email, outcome: 'rejected', reason: 'ROLE_UNKNOWN', description: 'has an unknown role' };
  }
}
