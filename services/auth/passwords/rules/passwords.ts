import { normalizeEmail } from '#kit/contract/email.ts';
import { networkOf } from '#kit/net/network.ts';
import type { DeviceTokens, Limits, Source } from '../../limits/public.ts';
import type { Links, LinkStore } from '../../links/public.ts';
import type { UserStore } from '../../users/public.ts';
import type { PasswordAuthenticator, PasswordStore } from './authenticator.ts';
import type { Hasher } from './hasher.ts';
import { acceptPassword } from './password.ts';
import { failure } from '../../reasons.ts';

/** The user who changes a password, from the access token. */
export interface PasswordOwner {
  readonly userId: string;
  readonly sessionId: string;
}

/** The password service. */
export interface Passwords {
  /** @throws INVALID_CREDENTIALS, PASSWORD_REJECTED, LOGIN_LIMITED, SERVER_BUSY */
  change(owner: PasswordOwner, current: string, next: string, source: Source): Promise<void>;
  /** Sends a reset link in the background if the account exists. @throws LOGIN_LIMITED */
  requestReset(email: string, source: Source): Promise<void>;
  /** Sets a password with a reset link; returns a device token. @throws INVALID_LINK, PASSWORD_REJECTED, SERVER_BUSY */
  reset(token: string, next: string, source: Source): Promise<string>;
}

/** Creates the password service. */
export function createPasswords(deps: {
  readonly users: UserStore;
  readonly store: Pick<PasswordStore, 'findForMail' | 'change' | 'reset'>;
  readonly hasher: Hasher;
  readonly authenticator: PasswordAuthenticator;
  readonly limits: Limits;
  readonly devices: DeviceTokens;
  readonly links: LinkStore;
  readonly requests: Pick<Links, 'request'>;
  readonly passwordMin: number;
}): Passwords {
  const { users, store, hasher, authenticator, limits, devices, links, requests, passwordMin } = deps;
  return {
    async change({ userId, sessionId }, current, next, source) {
      // The email may have changed since the token was issued.
      const owner = await users.find(userId);
      if (!owner) throw failure('INVALID_CREDENTIALS');
      const accepted = acceptPassword(next, passwordMin, owner, 'new_password');
      const proof = await authenticator.authenticate(owner.email, current, source);
      const hash = await hasher.hash(accepted, source.signal);
      // If another request changed the password meanwhile, the given one is no longer current.
      if (proof.account.id !== userId || !(await store.change(proof, hash, sessionId, source)))
        throw failure('INVALID_CREDENTIALS');
    },

    async requestReset(email, source) {
      const { ip, deviceToken } = source;
      const account = normalizeEmail(email);
      const network = networkOf(ip);
      const found = await store.findForMail(account, network);
      const device = found && devices.verify(found.id, deviceToken, found.devicesFrom);
      const place = { by: source, network, isKnownNetwork: found?.isKnownNetwork ?? false, device };
      if (await limits.tryMail('password_reset', account, place)) requests.request('password_reset', account, source);
    },

    async reset(token, next, source) {
      const { ip, deviceToken, signal } = source;
      const owner = await links.find('password_reset', token);
      if (!owner) throw failure('INVALID_LINK');
      const accepted = acceptPassword(next, passwordMin, owner, 'new_password');
      const hash = await hasher.hash(accepted, signal);
      if (!(await store.reset(token, hash, source))) throw failure('INVALID_LINK');
      // The link authenticates the owner, so a device token from before an earlier reset counts as well.
      const device = devices.verify(owner.id, deviceToken, null);
      await limits.forgive(owner.email, networkOf(ip), device);
      return devices.issue(owner.id, device);
    },
  };
}
