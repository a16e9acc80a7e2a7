import { networkOf } from '#kit/net/network.ts';
import type { Hasher } from '../crypto/hasher.ts';
import { normalizeEmail } from './accounts.ts';
import type { NewAuditEvent } from './audit.ts';
import type { Limits, PasswordTry } from './limits.ts';
import type { DeviceTokens } from './device-token.ts';
import type { LoginRecord, Source, UserStore } from './model.ts';
import { normalizePassword } from './password.ts';
import { createTurns } from './turns.ts';
import { failure } from '../reasons.ts';

/** Checks passwords, as often as the limits allow. */
export interface PasswordCheck {
  /**
   * The account that email and password belong to. A hash that is weaker than those
   * made now, or came along from elsewhere, is replaced.
   * @throws INVALID_CREDENTIALS (an unknown email, a wrong password, a disabled account and one without a password
   * alike), LOGIN_LIMITED, SERVER_BUSY
   */
  check(email: string, password: string, source: Source): Promise<CheckedPassword>;
}

/** The account that a password was right for. */
export interface CheckedPassword extends LoginRecord {
  /** The known device that it was typed on. */
  readonly device: string | undefined;
}

/** Makes the checker of passwords. */
export function createPasswordCheck(deps: {
  readonly users: UserStore;
  readonly hasher: Hasher;
  readonly limits: Limits;
  readonly devices: DeviceTokens;
  /** Most tries that may wait for the ones before them on one account in one network. */
  readonly mostWaiting: number;
  readonly audit: (event: NewAuditEvent) => Promise<unknown>;
}): PasswordCheck {
  const { users, hasher, limits, devices, audit } = deps;
  // One try after the other on an account in a network: each is counted before it is checked, and right ones that
  // come at once must not use up the tries of each other. Nor do strangers elsewhere keep the owner waiting.
  const turns = createTurns(deps.mostWaiting);

  async function attempt(account: string, typed: string, { ip, deviceToken }: Source): Promise<CheckedPassword> {
    const network = networkOf(ip);
    const found = await users.findForLogin(account, network);
    const device = found && devices.verify(found.user.id, deviceToken, found.devicesFrom);
    const password = normalizePassword(typed);
    let counted: PasswordTry | undefined;
    // Where the try is not admitted, nothing matches, and the work is the same.
    const hash = () => (counted?.isAdmitted ? found?.passwordHash : undefined);
    // Counted when it is its turn to be hashed, so that those who wait do not use up a network's tries.
    const matches = await hasher.verify(async () => {
      counted = await limits.tryPassword(account, {
        network,
        isKnownNetwork: found?.isKnownNetwork ?? false,
        device,
      });
      return hash();
    }, password);
    // What was hashed elsewhere was hashed as it was typed. Tried whether there is such an account or not, so that the time it
    // takes tells of the password alone, which the caller knows.
    const matchesAsTyped = !matches && typed !== password && (await hasher.verify(hash(), typed));
    if (!found || !(matches || matchesAsTyped)) {
      await audit({ kind: 'login', outcome: 'failure', actorId: '', subjectId: found?.user.id ?? '' });
      const { retryAfter } = counted ?? {};
      throw retryAfter === undefined ? failure('INVALID_CREDENTIALS') : failure('LOGIN_LIMITED', { retryAfter });
    }
    await counted?.succeeded();
    if (matches && !hasher.isOutdated(found.passwordHash)) return { ...found, device };
    const passwordHash = await hasher.hash(password);
    if (await users.rehash(found.user.id, found.passwordHash, passwordHash)) return { ...found, device, passwordHash };
    // Another replica was quicker, or the password is another by now: what holds is what is kept.
    return attempt(account, typed, { ip, deviceToken });
  }

  return {
    check(email, password, source) {
      const account = normalizeEmail(email);
      const turn = JSON.stringify([account, networkOf(source.ip)]);
      return turns.take(turn, () => attempt(account, password, source));
    },
  };
}
