import { normalizeEmail } from '#kit/contract/email.ts';
import { networkOf } from '#kit/net/network.ts';
import type { Actor, NewAuditEvent } from '../../audit/public.ts';
import type { DeviceTokens, Limits, PasswordTry, Source } from '../../limits/public.ts';
import type { Authentication } from '../../sessions/public.ts';
import type { Hasher } from './hasher.ts';
import { normalizePassword } from './password.ts';
import { createTurns } from './turns.ts';
import { failure } from '../../reasons.ts';

/** Whether an account knows the source of a request. */
interface KnownPlaces {
  readonly isKnownNetwork: boolean;
  /** Device tokens issued before this time are invalid. */
  readonly devicesFrom: Date | null;
}

/** An account found for a sign-in. */
export interface LoginRecord extends Omit<Authentication, 'amr' | 'isKnownPlace'>, KnownPlaces {
  readonly passwordHash: string;
}

/** An account found for a mail. */
export interface MailRecord extends KnownPlaces {
  readonly id: string;
}

/** Persistence port for passwords. Every method is one statement or transaction. */
export interface PasswordStore {
  /**
   * Finds an account by email for a sign-in. The network is known if the account signed in, or set its password, from
   * it within the last 30 days. Does not find disabled accounts and accounts without a password.
   */
  findForLogin(email: string, network: string): Promise<LoginRecord | undefined>;
  /** Finds an account by email, with or without a password, for a mail. */
  findForMail(email: string, network: string): Promise<MailRecord | undefined>;
  /** Replaces the hash by a stronger one of the same password, unless it has changed; returns whether it did. */
  rehash(userId: string, oldHash: string, newHash: string): Promise<boolean>;
  /**
   * Sets a new password if the account's credentials still have the version of `proof`. Ends all sessions but one
   * (trigger `sessions_end`) and deletes reset links. The actor's network becomes known. Returns whether it did.
   */
  change(proof: Authentication, passwordHash: string, keepSession: string, by: Actor): Promise<boolean>;
  /**
   * Consumes a link and sets the password. Ends every session (triggers `users_tokens_from`, `sessions_end`) and deletes
   * the other links. The actor's network becomes known. False if the link is invalid.
   */
  reset(token: string, passwordHash: string, by: Actor): Promise<boolean>;
}

/** Password authentication with limits. */
export interface PasswordAuthenticator {
  /**
   * Authenticates an account by its password. Replaces a hash that is imported or weaker than the configuration.
   * @throws INVALID_CREDENTIALS (also for an unknown email, a disabled account and an account without a password),
   * LOGIN_LIMITED, SERVER_BUSY
   */
  authenticate(email: string, password: string, source: Source): Promise<Authentication>;
}

/** State of an attempt. */
interface Attempt {
  /** The normalized email. */
  readonly email: string;
  readonly typed: string;
  readonly source: Source;
  found?: LoginRecord | undefined;
  counted?: PasswordTry;
  isKnownPlace?: boolean;
  /** Whether the hash matches the normalized password or the password as typed. */
  matches?: 'normalized' | 'typed' | undefined;
}

/** Creates the password authenticator. */
export function createPasswordAuthenticator(deps: {
  readonly store: Pick<PasswordStore, 'findForLogin' | 'rehash'>;
  readonly hasher: Hasher;
  readonly limits: Limits;
  readonly devices: DeviceTokens;
  /** Maximum queued attempts for one account and network. */
  readonly maxWaiting: number;
  readonly audit: (event: NewAuditEvent) => Promise<unknown>;
}): PasswordAuthenticator {
  const { store, hasher, limits, devices, audit } = deps;
  // Attempts for an account and network are serialized: each is counted before it is checked, and concurrent correct
  // ones must not use up the limit. The key includes the network, so that strangers elsewhere do not delay the owner.
  const turns = createTurns(deps.maxWaiting);

  /** The checks in order. A check throws, or updates the attempt for the next one. */
  const checks = [findAccount, comparePassword, refuseMismatch, forgiveTries, replaceWeakHash];

  async function findAccount(attempt: Attempt): Promise<void> {
    attempt.found = await store.findForLogin(attempt.email, networkOf(attempt.source.ip));
  }

  /** Counts the attempt and compares the password, at the same cost for known and unknown accounts. */
  async function comparePassword(attempt: Attempt): Promise<void> {
    const { email, typed, source, found } = attempt;
    const password = normalizePassword(typed);
    const place = {
      by: source,
      network: networkOf(source.ip),
      isKnownNetwork: found?.isKnownNetwork ?? false,
      device: found && devices.verify(found.account.id, source.deviceToken, found.devicesFrom),
    };
    attempt.isKnownPlace = place.isKnownNetwork || place.device !== undefined;
    // An attempt that is not admitted matches nothing and costs the same.
    const hash = () => (attempt.counted?.isAdmitted ? found?.passwordHash : undefined);
    // Counts when the hash is computed, so that queued attempts do not use up a network's limit.
    const countedHash = async () => {
      attempt.counted = await limits.tryPassword(email, place);
      return hash();
    };
    if (await hasher.verify(countedHash, password, source.signal)) {
      attempt.matches = 'normalized';
      // Other systems hash the password as typed. This also runs for unknown accounts, so that timing depends only on
      // the password.
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

  /** Keeps the hash if another replica has replaced it. A changed password is detected later by the credentials version. */
  async function replaceWeakHash({ found, matches, typed, source }: Attempt): Promise<void> {
    if (!found || (matches === 'normalized' && !hasher.isOutdated(found.passwordHash))) return;
    const password = hasher.countedPart(found.passwordHash, normalizePassword(typed));
    const better = await hasher.hash(password, source.signal);
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
        return { account, amr: ['pwd'], authTime, credentialsVersion, isKnownPlace: attempt.isKnownPlace ?? false };
      });
    },
  };
}

async function forgiveTries({ counted }: Attempt): Promise<void> {
  await counted?.succeeded();
}
