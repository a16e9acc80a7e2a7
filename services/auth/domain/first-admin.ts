import { randomBytes } from 'node:crypto';
import { reasonOf } from '#kit/errors/failure.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Accounts } from './accounts.ts';
import type { UserStore } from './model.ts';

/** The admin that the first start makes. */
export interface FirstAdmin {
  readonly email: string;
  /** Set where it was made up: this is the only time that anybody can see it. */
  readonly password: Secret | undefined;
}

/** Thrown where the first admin's email belongs to an account that is none. */
export class AdminEmailTakenError extends Error {
  override readonly name = 'AdminEmailTakenError';

  constructor(email: string) {
    super(
      `no account has the role admin, and the account of ${email} (SIGNET_ADMIN_EMAIL) is an ordinary one. ` +
        'Set SIGNET_ADMIN_EMAIL to an address without an account.',
    );
  }
}

/** Makes the first admin, unless there is one. Where replicas start at once, one of them does. */
export async function ensureFirstAdmin(
  deps: { readonly users: UserStore; readonly accounts: Accounts },
  wanted: { readonly email: string; readonly password: Secret | undefined },
): Promise<FirstAdmin | undefined> {
  if (await deps.users.anyWithRole('admin')) return undefined;
  const password = wanted.password ?? new Secret(randomBytes(15).toString('base64url'));
  try {
    const { email } = await deps.accounts.register({
      email: wanted.email,
      password: password.reveal(),
      name: 'Admin',
      roles: ['admin'],
      ip: '',
    });
    return { email, password: wanted.password ? undefined : password };
  } catch (error) {
    if (reasonOf(error) !== 'EMAIL_TAKEN') throw error;
    // Another replica made it, or somebody who is no admin has the address.
    if (await deps.users.anyWithRole('admin')) return undefined;
    throw new AdminEmailTakenError(wanted.email);
  }
}
