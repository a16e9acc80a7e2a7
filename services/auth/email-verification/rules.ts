import { networkOf } from '#kit/net/network.ts';
import type { Actor } from '../audit/public.ts';
import type { Limits, Source } from '../limits/public.ts';
import type { Links, LinkStore } from '../links/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { UserStore } from '../users/public.ts';
import { failure } from '../reasons.ts';

/**
 * Email verification. A link alone is not enough: the account may have been registered by another person than the
 * address's owner, whose click would verify it. The account's session or password is required as well.
 */
export interface EmailVerification {
  /** Sends a link to a user's own email, unless it is verified. @throws LOGIN_LIMITED */
  send(userId: string, source: Source): Promise<void>;
  /** Verifies the email of the signed-in user. @throws INVALID_LINK, also for a link of another account */
  confirm(userId: string, token: string, by: Actor): Promise<void>;
  /** Verifies the email of a link's account with its password. @throws INVALID_LINK, INVALID_CREDENTIALS, LOGIN_LIMITED, SERVER_BUSY */
  verify(token: string, password: string, source: Source): Promise<void>;
}

/** Persistence port for verified emails. */
export interface EmailVerificationStore {
  /** Consumes a link of an account and marks its email as verified. False if the link is invalid or belongs to another account. */
  verify(token: string, userId: string, by: Actor): Promise<boolean>;
}

/** Creates the email verification. */
export function createEmailVerification(deps: {
  readonly users: UserStore;
  readonly store: EmailVerificationStore;
  readonly authenticator: PasswordAuthenticator;
  readonly limits: Limits;
  readonly links: LinkStore;
  readonly requests: Pick<Links, 'request'>;
}): EmailVerification {
  const { users, store, authenticator, limits, links, requests } = deps;

  async function confirm(userId: string, token: string, by: Actor): Promise<void> {
    if (!(await store.verify(token, userId, by))) throw failure('INVALID_LINK');
  }

  return {
    confirm,
    async send(userId, source) {
      const user = await users.find(userId);
      if (!user) return;
      // A signed-in user requests a mail to their own email, so the network counts as known.
      const place = { by: source, network: networkOf(source.ip), isKnownNetwork: true };
      if (await limits.tryMail('email_verification', user.email, place))
        requests.request('email_verification', user.email, source);
    },
    async verify(token, password, source) {
      const owner = await links.find('email_verification', token);
      if (!owner) throw failure('INVALID_LINK');
      const { account } = await authenticator.authenticate(owner.email, password, source);
      await confirm(account.id, token, source);
    },
  };
}
