import { v7 as uuidv7 } from 'uuid';
import { networkOf } from '#kit/net/network.ts';
import type { Hasher } from '../crypto/hasher.ts';
import type { User, UserStore } from './model.ts';
import { acceptPassword } from './password.ts';
import { failure } from '../reasons.ts';

/** What a new account begins with. */
export interface Registration {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** The address it is registered from; empty where that is not known. */
  readonly ip: string;
}

/** Makes accounts. */
export interface Accounts {
  /** @throws PASSWORD_REJECTED, EMAIL_TAKEN, SERVER_BUSY */
  register(registration: Registration): Promise<User>;
}

/** The one spelling of an email that accounts are kept under. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** Makes the maker of accounts. */
export function createAccounts(deps: {
  readonly users: UserStore;
  readonly hasher: Hasher;
  readonly passwordMin: number;
  readonly clock: () => number;
}): Accounts {
  const { users, hasher, passwordMin, clock } = deps;
  return {
    async register({ email: written, password, name: given, roles, ip }) {
      const email = normalizeEmail(written);
      const name = given.trim();
      const accepted = acceptPassword(password, passwordMin, { email, name });
      const user: User = { id: uuidv7(), email, name, roles: [...roles].toSorted(), createdAt: new Date(clock()) };
      if (!(await users.insertOnce(user, await hasher.hash(accepted), networkOf(ip)))) throw failure('EMAIL_TAKEN');
      return user;
    },
  };
}
