import { networkOf } from '#kit/net/network.ts';
import type { Actor } from '../audit/public.ts';
import type { Limits, Source } from '../limits/public.ts';
import type { LinkMailer, LinkStore } from '../links/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { UserStore } from '../users/public.ts';
import { failure } from '../reasons.ts';

/**
 * Verifies addresses. A link alone never does: the person who reads the address's mail may not be the one who
 * registered it, and with one click would verify a stranger's account. It takes the account's session or password, too.
 */
export interface EmailVerification {
  /** Sends a link to a user's own address, unless it is verified already. @throws LOGIN_LIMITED */
  send(userId: string, source: Source): Promise<void>;
  /** Verifies the address of the user who is signed in. @throws INVALID_LINK, also where the link is another account's */
  confirm(userId: string, token: string, by: Actor): Promise<void>;
  /** Verifies the address of a link's account by its password. @throws INVALID_LINK, INVALID_CREDENTIALS, LOGIN_LIMITED, SERVER_BUSY */
  verify(token: string, password: string, source: Source): Promise<void>;
}

/** Persistence port for verified addresses. */
export interface EmailVerificationStore {
  /** Uses a link of an account: its address is verified. False where it is not good any more, or another account's. */
  verify(token: string, userId: string, by: Actor): Promise<boolean>;
}

/** Creates the verification of addresses. */
export function createEmailVerification(deps: {
  readonly users: UserStore;
  readonly store: EmailVerificationStore;
  readonly authenticator: PasswordAuthenticator;
  readonly limits: Limits;
  readonly links: LinkStore;
  readonly mailer: LinkMailer;
}): EmailVerification {
  const { users, store, authenticator, limits, links, mailer } = deps;

  async function confirm(userId: string, token: string, by: Actor): Promise<void> {
    if (!(await store.verify(token, userId, by))) throw failure('INVALID_LINK');
  }

  return {
    confirm,
    async send(userId, source) {
      const user = await users.find(userId);
      if (!user) return;
      // The account asks for itself.
      const place = { by: source, network: networkOf(source.ip), isKnownNetwork: true };
      if (await limits.tryMail('email_verification', user.email, place))
        mailer.later('email_verification', user.email, source);
    },
    async verify(token, password, source) {
      const owner = await links.find('email_verification', token);
      if (!owner) throw failure('INVALID_LINK');
      const { account } = await authenticator.authenticate(owner.email, password, source);
      await confirm(account.id, token, source);
    },
  };
}
