import { networkOf } from '#kit/net/network.ts';
import type { Hasher } from '../crypto/hasher.ts';
import { normalizeEmail } from './accounts.ts';
import type { Limits } from './limits.ts';
import type { LinkMailer, LinkStore } from './links.ts';
import type { DeviceTokens } from './device-token.ts';
import type { Source, UserStore } from './model.ts';
import { acceptPassword } from './password.ts';
import type { PasswordCheck } from './password-check.ts';
import { failure } from '../reasons.ts';

/** Whoever changes a password, as their access token has them. */
export interface PasswordOwner {
  readonly userId: string;
  readonly sessionId: string;
}

/** Changes passwords. */
export interface Passwords {
  /** @throws INVALID_CREDENTIALS, PASSWORD_REJECTED, LOGIN_LIMITED, SERVER_BUSY */
  change(owner: PasswordOwner, current: string, next: string, source: Source): Promise<void>;
  /** Sends a link, if there is such an account. Answers before it is known. @throws LOGIN_LIMITED */
  requestReset(email: string, source: Source): Promise<void>;
  /** Sets a password by a link; answers a device token. @throws INVALID_LINK, PASSWORD_REJECTED, SERVER_BUSY */
  reset(token: string, next: string, source: Source): Promise<string>;
}

/** Makes the changer of passwords. */
export function createPasswords(deps: {
  readonly users: UserStore;
  readonly hasher: Hasher;
  readonly check: PasswordCheck;
  readonly limits: Limits;
  readonly devices: DeviceTokens;
  readonly links: LinkStore;
  readonly mailer: LinkMailer;
  readonly passwordMin: number;
}): Passwords {
  const { users, hasher, check, limits, devices, links, mailer, passwordMin } = deps;
  return {
    async change({ userId, sessionId }, current, next, source) {
      // The address may have changed since the token was made.
      const owner = await users.find(userId);
      if (!owner) throw failure('INVALID_CREDENTIALS');
      const accepted = acceptPassword(next, passwordMin, owner, 'new_password');
      const { user, passwordHash } = await check.check(owner.email, current, source);
      const hashes = { old: passwordHash, next: await hasher.hash(accepted) };
      // Another request changed it meanwhile: what was given as the current one is not.
      if (user.id !== userId || !(await users.changePassword(userId, hashes, sessionId, networkOf(source.ip))))
        throw failure('INVALID_CREDENTIALS');
    },

    async requestReset(email, { ip, deviceToken }) {
      const account = normalizeEmail(email);
      const network = networkOf(ip);
      const found = await users.findForMail(account, network);
      const device = found && devices.verify(found.id, deviceToken, found.devicesFrom);
      const place = { network, isKnownNetwork: found?.isKnownNetwork ?? false, device };
      if (await limits.tryMail('password_reset', account, place)) mailer.later('password_reset', account);
    },

    async reset(token, next, { ip, deviceToken }) {
      const network = networkOf(ip);
      const owner = await links.find('password_reset', token);
      if (!owner) throw failure('INVALID_LINK');
      const hash = await hasher.hash(acceptPassword(next, passwordMin, owner, 'new_password'));
      if (!(await links.resetPassword(token, hash, network))) throw failure('INVALID_LINK');
      // The link proves whose device it is, whatever was reset before.
      const device = devices.verify(owner.id, deviceToken, null);
      await limits.forgive(owner.email, network, device);
      return devices.issue(owner.id, device);
    },
  };
}
