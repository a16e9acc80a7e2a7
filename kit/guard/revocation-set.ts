import type { Revocation } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createExpiringIds } from './expiring-ids.ts';
import type { Revocable } from './revocations.ts';

/** Revocations in memory. */
export interface RevocationSet {
  /** Returns whether a token is revoked. */
  isRevoked(token: Revocable): boolean;
  /** Adds revocations, and removes some that have expired. @throws Error on an unknown kind of revocation */
  add(revocations: readonly Revocation[]): void;
  /** Number of entries. */
  readonly size: number;
}

/** Options of a revocation set. */
export interface RevocationSetOptions {
  /** Maximum number of entries. Default 1,000,000. */
  readonly max?: number;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Maximum lifetime of a token, in seconds: the limit of `maxTokenLife` of a guard, plus clock skew. */
const longestLife = 3_610;

/** Revocation of a subject or a role. */
interface NotBefore {
  readonly notBefore: number;
  readonly expiresAt: number;
}

/**
 * Creates an empty set. Each kind is in order of insertion, with the oldest entry
 * first. When full, evicts the oldest entry and rejects all tokens issued before
 * it (fails closed). Keys and roles are few and are never evicted.
 */
export function createRevocationSet({ max = 1_000_000, clock = Date.now }: RevocationSetOptions = {}): RevocationSet {
  const sessions = createExpiringIds();
  const tokens = createExpiringIds();
  const subjects = new Map<string, NotBefore>();
  const roles = new Map<string, NotBefore>();
  const keys = createExpiringIds();
  // Tokens issued up to this time are rejected, s since 1970.
  let floor = -1;

  const size = () => sessions.size + tokens.size + subjects.size + roles.size + keys.size;

  function forgetExpired(now: number): void {
    for (const ids of [sessions, tokens, keys]) ids.forgetExpired(now);
    for (const map of [subjects, roles]) {
      for (const [target, { expiresAt }] of map) {
        if (expiresAt > now) break;
        map.delete(target);
      }
    }
  }

  /** Evicts the oldest entry. Its tokens were issued before they were revoked, so raising `floor` rejects them. */
  function evictOldest(): void {
    const [subject] = subjects;
    const ends = [sessions.oldest(), tokens.oldest(), subject?.[1].expiresAt ?? Infinity];
    const first = Math.min(...ends);
    // Only keys and roles are left, which are never evicted.
    if (first === Infinity) return;
    // An entry expires at least one maximum lifetime after its revocation; a subject may have a later `notBefore`.
    floor = Math.max(floor, first - longestLife, first === ends[2] ? (subject?.[1].notBefore ?? 0) - 1 : 0);
    if (first === ends[0]) sessions.removeOldest();
    else if (first === ends[1]) tokens.removeOldest();
    else subjects.delete(subject?.[0] ?? '');
  }

  function addOne({ target, notBefore, expiresAt }: Revocation): void {
    switch (target.case) {
      case 'sessionId':
        return sessions.put(target.value, expiresAt);
      case 'tokenId':
        return tokens.put(target.value, expiresAt);
      case 'keyId':
        return keys.put(target.value, expiresAt);
      case 'subject':
      case 'role': {
        const map = target.case === 'role' ? roles : subjects;
        const known = map.get(target.value);
        // Moves it to the end.
        map.delete(target.value);
        map.set(target.value, { notBefore: Math.max(notBefore, known?.notBefore ?? 0), expiresAt });
        return;
      }
      default:
        throw new Error('unknown kind of revocation');
    }
  }

  /** Returns whether the entry of a subject or role revokes tokens issued at `iat`. */
  const isBefore = (iat: number, entry: NotBefore | undefined) => entry !== undefined && iat < entry.notBefore;

  return {
    isRevoked({ sub, sid, jti, iat, kid, roles: held }) {
      if (iat <= floor || keys.has(kid) || tokens.has(jti) || (sid !== undefined && sessions.has(sid))) return true;
      return (
        isBefore(iat, subjects.get(sub)) || (roles.size > 0 && held.some((role) => isBefore(iat, roles.get(role))))
      );
    },
    add(revocations) {
      forgetExpired(clock() / 1_000);
      for (const revocation of revocations) {
        addOne(revocation);
        if (size() > max) evictOldest();
      }
    },
    get size() {
      return size();
    },
  };
}
