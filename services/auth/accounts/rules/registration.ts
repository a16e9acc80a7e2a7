import { v7 as uuidv7 } from 'uuid';
import { isEmail, normalizeEmail } from '#kit/contract/email.ts';
import type { Actor } from '../../audit/public.ts';
import { acceptPassword, type Hasher } from '../../passwords/public.ts';
import type { User } from '../../users/public.ts';
import { failure } from '../../reasons.ts';

/** Data of a new account. */
export interface Registration {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly by: Actor;
  /** Aborted when the caller stops waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Account registration. */
export interface Accounts {
  /** @throws PASSWORD_REJECTED, EMAIL_TAKEN, SERVER_BUSY */
  register(registration: Registration): Promise<User>;
}

/** Persistence port for new accounts. */
export interface RegistrationStore {
  /** Inserts an account unless its email is taken; returns whether it did. The actor's network becomes a known network. */
  insertOnce(user: User, passwordHash: string, by: Actor): Promise<boolean>;
  /** Whether any account holds a role. */
  anyWithRole(role: string): Promise<boolean>;
}

/** Creates the account registration. */
export function createAccounts(deps: {
  readonly store: RegistrationStore;
  readonly hasher: Hasher;
  readonly passwordMin: number;
  readonly clock: () => number;
}): Accounts {
  const { store, hasher, passwordMin, clock } = deps;
  return {
    async register({ email: written, password, name: given, roles, by, signal }) {
      const email = normalizeEmail(written);
      if (!isEmail(email)) throw notAnEmail();
      const name = given.trim();
      const accepted = acceptPassword(password, passwordMin, { email, name });
      const user: User = { id: uuidv7(), email, name, roles: [...roles].toSorted(), createdAt: new Date(clock()) };
      if (!(await store.insertOnce(user, await hasher.hash(accepted, signal), by))) throw failure('EMAIL_TAKEN');
      return user;
    },
  };
}

/** The fault that `string.email` of the contract's rules has. */
function notAnEmail() {
  const fault = { field: 'email', description: 'must be a valid email address', reason: 'STRING_EMAIL' };
  return failure('INVALID_ARGUMENT', { fields: [fault] });
}
