import { failure } from '#kit/errors/failure.ts';
import { networkOf } from '#kit/net/network.ts';
import type { Hasher } from '../crypto/hasher.ts';
import { normalizeEmail } from './accounts.ts';
import type { NewAuditEvent } from './audit.ts';
import type { Limits, PasswordTry } from './limits.ts';
import type { LoginRecord, UserStore } from './model.ts';
import { normalizePassword } from './password.ts';
import { createTurns } from './turns.ts';

/** Checks passwords, as often as the limits allow. */
export interface PasswordCheck {
  /**
   * The account that email and password belong to. A hash that is weaker than those
   * made now, or came along from elsewhere, is replaced.
   * @param ip where the try comes from; empty where that is not known
   * @throws INVALID_CREDENTIALS (an unknown email, a wrong password, a disabled account and one without a password
   * alike), LOGIN_LIMITED, SERVER_BUSY
   */
  check(email: string, password: string, ip: string): Promise<LoginRecord>;
}

/** Makes the checker of passwords. */
export function createPasswordCheck(deps: {
  readonly users: UserStore;
  readonly hasher: Hasher;
  readonly limits: Limits;
  /** Most tries that may wait for the ones before them on one account. */
  readonly mostWaiting: number;
  readonly audit: (event: NewAuditEvent) => Promise<unknown>;
}): PasswordCheck {
  const { users, hasher, limits, audit } = deps;
  // One try after the other on an account: each is counted before it is checked, and
  // right ones that come at once must not use up the tries of each other.
  const turns = createTurns(deps.mostWaiting);

  async function attempt(account: string, typed: string, network: string): Promise<LoginRecord> {
    const found = await users.findForLogin(account, network);
    const password = normalizePassword(typed);
    let counted: PasswordTry | undefined;
    // Counted when it is its turn to be hashed, so that those who wait do not use up a network's tries.
    const matches = await hasher.verify(found?.passwordHash, password, async () => {
      counted = await limits.tryPassword(account, network, found?.knownHere ?? false);
    });
    // What was hashed elsewhere was hashed as it was typed. Tried whether there is such an account or not, so that the time it
    // takes tells of the password alone, which the caller knows.
    const matchesAsTyped = !matches && typed !== password && (await hasher.verify(found?.passwordHash, typed));
    if (!found || !(matches || matchesAsTyped)) {
      await audit({ kind: 'login', outcome: 'failure', actorId: '', subjectId: found?.user.id ?? '' });
      throw failure('INVALID_CREDENTIALS');
    }
    await counted?.succeeded();
    if (matches && !hasher.isOutdated(found.passwordHash)) return found;
    const passwordHash = await hasher.hash(password);
    if (await users.rehash(found.user.id, found.passwordHash, passwordHash)) return { ...found, passwordHash };
    // Another replica was quicker, or the password is another by now: what holds is what is kept.
    return attempt(account, typed, network);
  }

  return {
    check(email, password, ip) {
      const account = normalizeEmail(email);
      return turns.take(account, () => attempt(account, password, networkOf(ip)));
    },
  };
}
