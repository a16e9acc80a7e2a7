import type { Revocation } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { Revocable } from './revocations.ts';

/** What is revoked, in memory. */
export interface RevocationSet {
  /** Tells whether a token is revoked. */
  isRevoked(token: Revocable): boolean;
  /** Takes some more in. Throws an Error for a revocation of a kind that it does not know. */
  add(revocations: readonly Revocation[]): void;
  /** How many entries it holds. */
  readonly size: number;
}

/** How large a set may become. */
export interface RevocationSetOptions {
  /** Most entries; 1,000,000 unless told. */
  readonly max?: number;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Longest time that a token lives after it was issued, in seconds: what `maxTokenLife` of a guard allows, with clocks apart. */
const longestLife = 3_610;

/** Of a subject, or of a role. */
interface NotBefore {
  readonly notBefore: number;
  readonly expiresAt: number;
}

/**
 * Makes an empty set. Sessions and tokens are kept as strings in maps, in the
 * order in which they came, so that the oldest is at the front: it goes when it
 * has expired, or when there is no more room. In that case every token that was
 * issued before that revocation is refused, for one of them may be the token it
 * was about. Keys and roles are few, and are kept apart.
 */
export function createRevocationSet({ max = 1_000_000, clock = Date.now }: RevocationSetOptions = {}): RevocationSet {
  const sessions = new Map<string, number>();
  const tokens = new Map<string, number>();
  const subjects = new Map<string, NotBefore>();
  const roles = new Map<string, NotBefore>();
  const keys = new Map<string, number>();
  // Tokens issued up to this second are refused, s since 1970.
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

  /** Makes room by letting the oldest go. What it was about was issued before it was revoked. */
  function makeRoom(): void {
    const [session] = sessions;
    const [token] = tokens;
    const [subject] = subjects;
    const ends = [session?.[1], token?.[1], subject?.[1].expiresAt].map((end) => end ?? Infinity);
    const first = Math.min(...ends);
    // Nothing but keys and roles: they stay, however many.
    if (first === Infinity) return;
    // Revoked at the latest when it was to expire, less the life of a token; a subject may name a later time.
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
        throw new Error('a revocation of a kind that this build does not know');
    }
  }

  /** Whether a subject, or a role, takes away what was issued at a time. */
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
        if (size() > max) makeRoom();
      }
    },
    get size() {
      return size();
    },
  };
}

/** Puts an entry behind all others, also where it was there before. */
function put<T>(map: Map<string, T>, target: string, value: T): void {
  map.delete(target);
  map.set(target, value);
}
