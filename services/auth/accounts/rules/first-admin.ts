import { randomBytes } from 'node:crypto';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { Secret } from '#kit/log/secret.ts';
import { system } from '../../audit/public.ts';
import type { Accounts, RegistrationStore } from './registration.ts';

/** The admin that the first start creates. */
export interface FirstAdmin {
  readonly email: string;
  /** Set if it was generated. It cannot be read again. */
  readonly password: Secret | undefined;
}

/** Thrown if the first admin cannot be created as configured; names the key to change. */
export class FirstAdminError extends Error {
  override readonly name = 'FirstAdminError';
}

/**
 * Creates the first admin, unless an admin exists. Of several replicas that start at once, one creates it.
 * @param wanted without a password, `mayGenerate` decides whether it gets a generated one
 * @throws FirstAdminError if the email belongs to another account, or the password is rejected or missing
 */
export async function ensureFirstAdmin(
  deps: { readonly store: Pick<RegistrationStore, 'anyWithRole'>; readonly accounts: Accounts },
  wanted: { readonly email: string; readonly password: Secret | undefined; readonly mayGenerate: boolean },
): Promise<FirstAdmin | undefined> {
  if (await deps.store.anyWithRole('admin')) return undefined;
  if (!wanted.password && !wanted.mayGenerate) {
    throw new FirstAdminError(
      `no account has the role admin. Set SIGNET_ADMIN_PASSWORD or SIGNET_ADMIN_PASSWORD_FILE for ${wanted.email}: ` +
        'with NODE_ENV=production no password is generated, because logs would keep it.',
    );
  }
  const password = wanted.password ?? new Secret(randomBytes(15).toString('base64url'));
  try {
    const { email } = await deps.accounts.register({
      email: wanted.email,
      password: password.reveal(),
      name: 'Admin',
      roles: ['admin'],
      by: system,
    });
    return { email, password: wanted.password ? undefined : password };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === 'PASSWORD_REJECTED') {
      const why = violationsOf(error).map(({ description }) => description);
      throw new FirstAdminError(
        `SIGNET_ADMIN_PASSWORD cannot be the password of ${wanted.email}: it ${why.join('; ')}.`,
      );
    }
    if (reason !== 'EMAIL_TAKEN') throw error;
    // Another replica created it, or an ordinary account has the email.
    if (await deps.store.anyWithRole('admin')) return undefined;
    throw new FirstAdminError(
      `no account has the role admin, and the account of ${wanted.email} (SIGNET_ADMIN_EMAIL) is an ordinary one. ` +
        'Set SIGNET_ADMIN_EMAIL to an address without an account.',
    );
  }
}
