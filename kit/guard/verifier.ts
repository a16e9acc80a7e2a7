import { z } from 'zod';
import { type Algorithm, checkAlgorithms } from './algorithms.ts';
import { type Bearer, type Caller, type ClaimRules, type Principal, readClaims } from './claims.ts';
import { invalidToken, staleRevocations } from './error.ts';
import type { KeySource } from './keys.ts';
import { checkOptions, func, having, milliseconds, whole } from './options.ts';
import type { Revocable, Revocations } from './revocations.ts';
import type { GuardReason } from './reasons.ts';
import { verifySignature } from './signature.ts';

/** Callbacks for metrics. They must not throw. */
export interface GuardObserver {
  /** A call was admitted, or refused for a reason. */
  decision?(outcome: 'admitted' | GuardReason, method: string): void;
  /** A token was looked up in the cache of verified tokens. */
  cache?(hit: boolean): void;
}

/** Options of a verifier. They come from configuration, never from a token. */
export interface VerifierOptions {
  /** The exact `iss`. */
  readonly issuer: string;
  /** Audience that `aud` must be or contain. */
  readonly audience: string;
  /** Audience of the tokens of services of the fleet. Default `<audience>:fleet`. */
  readonly fleetAudience?: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
  /** Accepted `typ`, in lower case without `application/`. `''` accepts a token without `typ`. Default `at+jwt` (RFC 9068). */
  readonly types?: readonly string[];
  /**
   * Checked on every use of a token. Until revocations are loaded once, all tokens
   * are rejected. `'none'`: revocations are not checked, and tokens are valid until
   * they expire, even after a sign-out.
   */
  readonly revocations: Revocations | 'none';
  /** Allowed clock skew, in milliseconds, at most 5 min. Default 5 s. */
  readonly clockSkew?: number;
  /** Maximum of `exp - iat`, in milliseconds. Default and maximum 1 h: revocations are not kept longer. */
  readonly maxTokenLife?: number;
  /** Size of the cache of verified tokens, at most 1,000,000. Default 10,000. */
  readonly cacheSize?: number;
  /** Callbacks for metrics. */
  readonly observe?: GuardObserver;
  /** The time, in milliseconds since 1970. Default: that of `revocations`, otherwise this machine's. */
  readonly clock?: () => number;
}

/**
 * Verifies access tokens. All methods throw INVALID_TOKEN, KEYS_UNAVAILABLE or, until revocations are loaded once,
 * REVOCATIONS_STALE.
 */
export interface Verifier {
  /** Verifies any token: a user's, a machine's or a service's. */
  bearer(token: string): Promise<Bearer>;
  /** Verifies a user's token. */
  user(token: string): Promise<Principal>;
  /** Verifies the token of a service of the fleet. */
  caller(token: string): Promise<Caller>;
}

interface Verified {
  readonly bearer: Bearer;
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
  /** When the token expires, including clock skew, in milliseconds since 1970. */
  readonly end: number;
}

/** Maximum lifetime of a token, ms. Revocations are kept for as long. */
export const longestTokenLife = 3_600_000;

/** Returns the default audience of services of the fleet for an audience of users. */
export function fleetAudienceOf(audience: string): string {
  return `${audience}:fleet`;
}

const word = z.string('must be a string').min(1, 'must not be empty');
const revocationsSchema = having('isRevoked', 'age');

/** Schema of the options of a verifier. */
export const verifierOptions = {
  issuer: word,
  audience: word,
  fleetAudience: word.optional(),
  algorithms: z.array(z.string(), 'must be a list').readonly(),
  keys: having('held', 'get', 'refresh', 'ready', 'close', 'trouble'),
  types: z
    .array(z.string().regex(/^[a-z0-9!#$&^_.+-]*$/, 'must be in lower case, without application/'))
    .min(1, 'must not be empty')
    .optional(),
  revocations: z.custom<unknown>(
    (value) => value === 'none' || revocationsSchema.safeParse(value).success,
    "must be a revocation feed or 'none'",
  ),
  clockSkew: milliseconds(0, 300_000).optional(),
  maxTokenLife: milliseconds(1_000, longestTokenLife).optional(),
  cacheSize: whole(0, 1_000_000).optional(),
  observe: z.strictObject({ decision: func.optional(), cache: func.optional() }).optional(),
  clock: func.optional(),
};

/**
 * Creates a verifier. It caches verified tokens, by the exact token, until the
 * token expires or its key leaves the key source.
 * @throws Error on unknown or invalid options
 */
export function createVerifier(options: VerifierOptions): Verifier {
  checkOptions('the verifier', z.strictObject(verifierOptions), options);
  const { issuer, audience, algorithms, keys, observe, types = ['at+jwt'] } = options;
  const { fleetAudience = fleetAudienceOf(audience) } = options;
  const revocations = options.revocations === 'none' ? undefined : options.revocations;
  const clock = options.clock ?? revocations?.time?.now ?? Date.now;
  const { clockSkew = 5_000, maxTokenLife = longestTokenLife, cacheSize = 10_000 } = options;
  checkAlgorithms(algorithms);
  if (fleetAudience === audience) throw new Error('fleetAudience must differ from audience.');
  const rules: ClaimRules = { issuer, audience, fleetAudience, skew: clockSkew / 1_000, maxLife: maxTokenLife / 1_000 };
  const form = { algorithms, types };
  const cached = new Map<string, Verified>();
  const running = new Map<string, Promise<Verified>>();

  async function verify(token: string): Promise<Verified> {
    const { payload, kid, alg, key } = await verifySignature(token, form, keys);
    const bearer = readClaims(payload, token, rules, clock() / 1_000);
    const { expiresAt } = bearer.kind === 'user' ? bearer.principal : bearer.caller;
    // Evicts the oldest. Only valid tokens are cached, so a flood of invalid ones evicts nothing. Refusals are not
    // cached, because a token may become valid with a new key or a later time.
    if (cached.size >= cacheSize) cached.delete(cached.keys().next().value ?? '');
    const verified = { bearer, kid, alg, key, end: expiresAt * 1_000 + clockSkew };
    if (cacheSize > 0) cached.set(token, verified);
    return verified;
  }

  function verifiedOf(token: string): Verified | Promise<Verified> {
    const found = cached.get(token);
    if (found) {
      if (clock() < found.end && keys.held(found.kid, found.alg) === found.key) {
        observe?.cache?.(true);
        return found;
      }
      cached.delete(token);
    }
    observe?.cache?.(false);
    const begun = running.get(token);
    if (begun) return begun;
    const verifying = verify(token).finally(() => running.delete(token));
    running.set(token, verifying);
    return verifying;
  }

  async function bearerOf(token: string): Promise<Bearer> {
    const { bearer, kid } = await verifiedOf(token);
    // Before the first load nothing is known: a token revoked before this process started must not be accepted.
    if (revocations?.age() === Infinity) throw staleRevocations();
    if (revocations?.isRevoked(revocableOf(bearer, kid))) throw invalidToken('revoked');
    return bearer;
  }

  return {
    bearer: bearerOf,
    async user(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'user') throw invalidToken('not a user token');
      return bearer.principal;
    },
    async caller(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'service') throw invalidToken('not a token of a service of the fleet');
      return bearer.caller;
    },
  };
}

function revocableOf(bearer: Bearer, kid: string): Revocable {
  if (bearer.kind !== 'user') {
    const { service: sub, tokenId: jti, issuedAt: iat, roles } = bearer.caller;
    return { sub, jti, iat, kid, roles };
  }
  const { subject: sub, sessionId: sid, tokenId: jti, issuedAt: iat, roles } = bearer.principal;
  return { sub, sid, jti, iat, kid, roles };
}
