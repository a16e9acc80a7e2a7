import type { Revocation } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { Revocable } from './revocations.ts';

/** Revocations in memory. */
export interface RevocationSet {
  /** Returns whether a token is revoked. */
  isRevoked(token: Revocable): boolean;
  /** Adds revocations. @throws Error on an unknown kind of revocation */
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
 * Creates an empty set. Each map is in order of insertion, with the oldest entry
 * first. When full, evicts the oldest entry and rejects all tokens issued before
 * it (fails closed). Keys and roles are few and are never evicted.
 */
export function createRevocationSet({ max = 1_000_000, clock = Date.now }: RevocationSetOptions = {}): RevocationSet {
  const sessions = new Map<string, number>();
  const tokens = new Map<string, number>();
  const subjects = new Map<string, NotBefore>();
  const roles = new Map<string, NotBefore>();
  const keys = new Map<string, number>();
  // Tokens issued up to this time are rejected, s since 1970.
  let floor = -1;

  const size = () => sessions.size + tokens.size + subjects.size + roles.size + keys.size;

  function forgetExpired(now: number): void {
    for (const map of [sessions, tokens, keys]) {
      for (const [target, expiresAt] of map) {
        if (expiresAt > now) break;
        map.delete(target);
      }
    }
    for (const map of [subjects, roles]) {
      for (const [target, { expiresAt }] of map) {
        if (expiresAt > now) break;
        map.delete(target);
      }
    }
  }

  /** Evicts the oldest entry. Its tokens were issued before they were revoked, so raising `floor` rejects them. */
  function evictOldest(): void {
    const [session] = sessions;
    const [token] = tokens;
    const [subject] = subjects;
    const ends = [session?.[1], token?.[1], subject?.[1].expiresAt].map((end) => end ?? Infinity);
    const first = Math.min(...ends);
    // Only keys and roles are left, which are never evicted.
    if (first === Infinity) return;
    // An entry expires at least one maximum lifetime after its revocation; a subject may have a later `notBefore`.
    floor = Math.max(floor, first - longestLife, first === ends[2] ? (subject?.[1].notBefore ?? 0) - 1 : 0);
    if (first === ends[0]) sessions.delete(session?.[0] ?? '');
    else if (first === ends[1]) tokens.delete(token?.[0] ?? '');
    else subjects.delete(subject?.[0] ?? '');
  }

  function addOne({ target, notBefore, expiresAt }: Revocation): void {
    switch (target.case) {
      case 'sessionId':
        return put(sessions, target.value, expiresAt);
      case 'tokenId':
        return put(tokens, target.value, expiresAt);
      case 'keyId':
        return put(keys, target.value, expiresAt);
      case 'subject':
      case 'role': {
        const map = target.case === 'role' ? roles : subjects;
        const known = map.get(target.value);
        return put(map, target.value, { notBefore: Math.max(notBefore, known?.notBefore ?? 0), expiresAt });
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
      if (revocations.length === 0) return;
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

/** Sets an entry and moves it to the end of the map. */
function put<T>(map: Map<string, T>, target: string, value: T): void {
  map.delete(target);
  map.set(target, value);
}
