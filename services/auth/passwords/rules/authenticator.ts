import { networkOf } from '#kit/net/network.ts';
import type { Actor, NewAuditEvent } from '../../audit/public.ts';
import type { DeviceTokens, Limits, PasswordTry, Source } from '../../limits/public.ts';
import type { Authentication } from '../../sessions/public.ts';
import { normalizeEmail } from '../../users/public.ts';
import type { Hasher } from './hasher.ts';
import { normalizePassword } from './password.ts';
import { createTurns } from './turns.ts';
import { failure } from '../../reasons.ts';

/** What an account knows of a place. */
interface KnownPlaces {
  readonly isKnownNetwork: boolean;
  /** Device tokens that were issued before identify no device. */
  readonly devicesFrom: Date | null;
}

/** An account as it is found for a sign-in. */
export interface LoginRecord extends Omit<Authentication, 'amr'>, KnownPlaces {
  readonly passwordHash: string;
}

/** An account as it is found for a mail. */
export interface MailRecord extends KnownPlaces {
  readonly id: string;
}

/** Persistence port for passwords. Every verb is one statement, or one transaction. */
export interface PasswordStore {
  /**
   * The account of an email, with what it takes to sign in, and whether it was signed in from a network, or its
   * password set from it, within the last 30 days. Disabled accounts and those without a password are not found.
   */
  findForLogin(email: string, network: string): Promise<LoginRecord | undefined>;
  /** The id of an account by its email, with a password or without, and whether it knows a network as above. */
  findForMail(email: string, network: string): Promise<MailRecord | undefined>;
  /** Replaces a password's hash by a better one of the same password, if it still is that one; tells whether it did. */
  rehash(userId: string, oldHash: string, newHash: string): Promise<boolean>;
  /**
   * Sets another password from the actor's network, if the account's credentials still are those of `proof`; ends all
   * sessions but one (trigger `sessions_end`), and the links that were sent to set a new one. Tells whether it did.
   */
  change(proof: Authentication, passwordHash: string, keepSession: string, by: Actor): Promise<boolean>;
  /**
   * Uses a link: sets the password from the actor's network, ends every session and link (triggers `users_tokens_from`,
   * `sessions_end`). False where the link is not valid.
   */
  reset(token: string, passwordHash: string, by: Actor): Promise<boolean>;
}

/** Authentication by password, within the limits. */
export interface PasswordAuthenticator {
  /**
   * Proves knowledge of an account's password. A hash that is weaker than those made now, or was made elsewhere, is
   * replaced.
   * @throws INVALID_CREDENTIALS (an unknown email, a wrong password, a disabled account and one without a password
   * alike), LOGIN_LIMITED, SERVER_BUSY
   */
  authenticate(email: string, password: string, source: Source): Promise<Authentication>;
}

/** One attempt, and what its checks have found so far. */
interface Attempt {
  /** The email, as accounts are kept under. */
  readonly email: string;
  readonly typed: string;
  readonly source: Source;
  found?: LoginRecord | undefined;
  counted?: PasswordTry;
  /** Whether the hash is of the password's one form, or of what was typed. */
  matches?: 'normalized' | 'typed' | undefined;
}

/** Creates the authentication by password. */
export function createPasswordAuthenticator(deps: {
  readonly store: Pick<PasswordStore, 'findForLogin' | 'rehash'>;
  readonly hasher: Hasher;
  readonly limits: Limits;
  readonly devices: DeviceTokens;
  /** Most tries that may wait for the ones before them on one account in one network. */
  readonly mostWaiting: number;
  readonly audit: (event: NewAuditEvent) => Promise<unknown>;
}): PasswordAuthenticator {
  const { store, hasher, limits, devices, audit } = deps;
  // One try after the other on an account in a network: each is counted before it is checked, and right ones that
  // come at once must not use up the tries of each other. Nor do strangers elsewhere keep the owner waiting.
  const turns = createTurns(deps.mostWaiting);

  /** In this order. A check throws to refuse, or lets the next one go on with what it found. */
  const checks = [findAccount, comparePassword, refuseMismatch, forgiveTries, replaceWeakHash];

  async function findAccount(attempt: Attempt): Promise<void> {
    attempt.found = await store.findForLogin(attempt.email, networkOf(attempt.source.ip));
  }

  /** Counts the try and compares the password, at the same cost whether there is such an account or not. */
  async function comparePassword(attempt: Attempt): Promise<void> {
    const { email, typed, source, found } = attempt;
    const password = normalizePassword(typed);
    const place = {
      by: source,
      network: networkOf(source.ip),
      isKnownNetwork: found?.isKnownNetwork ?? false,
      device: found && devices.verify(found.account.id, source.deviceToken, found.devicesFrom),
    };
    // Where the try is not admitted, nothing matches, and the work is the same.
    const hash = () => (attempt.counted?.isAdmitted ? found?.passwordHash : undefined);
    // Counted when it is its turn to be hashed, so that those who wait do not use up a network's tries.
    const countedHash = async () => {
      attempt.counted = await limits.tryPassword(email, place);
      return hash();
    };
    if (await hasher.verify(countedHash, password, source.signal)) {
      attempt.matches = 'normalized';
      // What was hashed elsewhere was hashed as it was typed. Tried whether there is such an account or not, so that the
      // time it takes tells of the password alone, which the caller knows.
    } else if (typed !== password && (await hasher.verify(hash(), typed, source.signal))) {
      attempt.matches = 'typed';
    }
  }

  async function refuseMismatch({ found, matches, counted, source }: Attempt): Promise<void> {
    if (found && matches) return;
    const subjectId = found?.account.id ?? '';
    await audit({ kind: 'login', outcome: 'failure', actor: { ...source, id: '' }, subjectId });
    const { retryAfter } = counted ?? {};
    throw retryAfter === undefined ? failure('INVALID_CREDENTIALS') : failure('LOGIN_LIMITED', { retryAfter });
  }

  /** Where another replica was quicker, its hash stays; where the password was changed, the credentials' version shows it. */
  async function replaceWeakHash({ found, matches, typed, source }: Attempt): Promise<void> {
    if (!found || (matches === 'normalized' && !hasher.isOutdated(found.passwordHash))) return;
    const better = await hasher.hash(normalizePassword(typed), source.signal);
    await store.rehash(found.account.id, found.passwordHash, better);
  }

  return {
    authenticate(written, typed, source) {
      const email = normalizeEmail(written);
      return turns.take(JSON.stringify([email, networkOf(source.ip)]), async () => {
        const attempt: Attempt = { email, typed, source };
        for (const check of checks) await check(attempt);
        if (!attempt.found) throw new Error('no check refused an unknown account');
        const { account, authTime, credentialsVersion } = attempt.found;
        return { account, amr: ['pwd'], authTime, credentialsVersion };
      });
    },
  };
}

async function forgiveTries({ counted }: Attempt): Promise<void> {
  await counted?.succeeded();
}
