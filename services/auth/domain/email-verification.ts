import { networkOf } from '#kit/net/network.ts';
import type { Limits } from './limits.ts';
import type { LinkMailer, LinkStore } from './links.ts';
import type { Source, UserStore } from './model.ts';
import type { PasswordCheck } from './password-check.ts';
import { failure } from '../reasons.ts';

/**
 * Verifies addresses. A link alone never does: the person who reads the address's mail may not be the one who
 * registered it, and with one click would verify a stranger's account. It takes the account's session or password, too.
 */
export interface EmailVerification {
  /** Sends a link to a user's own address, unless it is verified already. @throws LOGIN_LIMITED */
  send(userId: string, source: Source): Promise<void>;
  /** Verifies the address of the user who is signed in. @throws INVALID_LINK, also where the link is another account's */
  confirm(userId: string, token: string): Promise<void>;
  /** Verifies the address of a link's account by its password. @throws INVALID_LINK, INVALID_CREDENTIALS, LOGIN_LIMITED, SERVER_BUSY */
  verify(token: string, password: string, source: Source): Promise<void>;
}

/** Creates the verification of addresses. */
export function createEmailVerification(deps: {
  readonly users: UserStore;
  readonly check: PasswordCheck;
  readonly limits: Limits;
  readonly links: LinkStore;
  readonly mailer: LinkMailer;
}): EmailVerification {
  const { users, check, limits, links, mailer } = deps;

  async function confirm(userId: string, token: string): Promise<void> {
    if (!(await links.verifyEmail(token, userId))) throw failure('INVALID_LINK');
  }

  return {
    confirm,
    async send(userId, { ip }) {
      const user = await users.find(userId);
      if (!user) return;
      // The account asks for itself.
      const place = { network: networkOf(ip), isKnownNetwork: true };
      if (await limits.tryMail('email_verification', user.email, place)) mailer.later('email_verification', user.email);
    },
    async verify(token, password, source) {
      const owner = await links.find('email_verification', token);
      if (!owner) throw failure('INVALID_LINK');
      const { user } = await check.check(owner.email, password, source);
      await confirm(user.id, token);
    },
  };
}
