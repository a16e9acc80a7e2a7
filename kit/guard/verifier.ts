import { type Algorithm, checkAlgorithms } from './algorithms.ts';
import { type Bearer, type Caller, type ClaimRules, type Principal, readClaims } from './claims.ts';
import { invalidToken, staleRevocations } from './error.ts';
import type { KeySource } from './keys.ts';
import type { Revocable, Revocations } from './revocations.ts';
import type { GuardReason } from './reasons.ts';
import { verifySignature } from './signature.ts';

/** Whoever counts what a guard does. Neither may throw. */
export interface GuardObserver {
  /** A call was admitted, or refused for a reason. */
  decision?(outcome: 'admitted' | GuardReason, method: string): void;
  /** A token was looked up among those that were verified before. */
  cache?(hit: boolean): void;
}

/** What the verifier takes from configuration, so that it takes nothing from a token. */
export interface VerifierOptions {
  /** `iss`, exactly. */
  readonly issuer: string;
  /** What `aud` must be, or hold. */
  readonly audience: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
  /** `typ`, in lower case without `application/`; `''` lets a token without one pass. Default `at+jwt` (RFC 9068). */
  readonly types?: readonly string[];
  /** Asked on every use of a token; until they were heard of once, none is good. Default: nobody is asked. */
  readonly revocations?: Revocations;
  /** How far clocks may be apart, in milliseconds. Default 5 s. */
  readonly clockSkew?: number;
  /** Longest `exp - iat`, in milliseconds. Default 1 h. */
  readonly maxTokenLife?: number;
  /** How many verified tokens are remembered. Default 10,000. */
  readonly cacheSize?: number;
  /** Is told what happens, for metrics. */
  readonly observe?: GuardObserver;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Verifies access tokens. All throw INVALID_TOKEN or KEYS_UNAVAILABLE, and REVOCATIONS_STALE until revocations were heard of once. */
export interface Verifier {
  /** Anybody's token: a user's or a service's own. */
  bearer(token: string): Promise<Bearer>;
  /** A user's token. */
  user(token: string): Promise<Principal>;
  /** A service's own token. */
  caller(token: string): Promise<Caller>;
}

interface Verified {
  readonly bearer: Bearer;
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
  /** From when on it is refused, in milliseconds since 1970. */
  readonly end: number;
}

/** Longest life of a token, unless told, ms. */
export const longestTokenLife = 3_600_000;

/**
 * Makes a verifier that remembers what it verified, by the exact token, until the
 * token expires or its key leaves the key source. Throws an Error on options that
 * make no sense.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, algorithms, keys, revocations, observe, types = ['at+jwt'], clock = Date.now } = options;
  const { clockSkew = 5_000, maxTokenLife = longestTokenLife, cacheSize = 10_000 } = options;
  checkAlgorithms(algorithms);
  if (issuer === '' || audience === '') throw new Error('The guard needs an issuer and an audience.');
  const rules: ClaimRules = { issuer, audience, skew: clockSkew / 1_000, maxLife: maxTokenLife / 1_000 };
  const form = { algorithms, types };
  const remembered = new Map<string, Verified>();
  const running = new Map<string, Promise<Verified>>();

  async function verify(token: string): Promise<Verified> {
    const { payload, kid, alg, key } = await verifySignature(token, form, keys);
    const bearer = readClaims(payload, token, rules, clock() / 1_000);
    const { expiresAt } = bearer.kind === 'user' ? bearer.principal : bearer.caller;
    // The oldest goes. Only verified tokens are here, so a flood of bad ones drives none out;
    // refusals are not remembered, for a key or a minute later the token may be good.
    if (remembered.size >= cacheSize) remembered.delete(remembered.keys().next().value ?? '');
    const verified = { bearer, kid, alg, key, end: expiresAt * 1_000 + clockSkew };
    if (cacheSize > 0) remembered.set(token, verified);
    return verified;
  }

  function verifiedOf(token: string): Verified | Promise<Verified> {
    const found = remembered.get(token);
    if (found) {
      if (clock() < found.end && keys.held(found.kid, found.alg) === found.key) {
        observe?.cache?.(true);
        return found;
      }
      remembered.delete(token);
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
    // Nothing was heard of yet, so nothing is known: what died before this process began must not come alive.
    if (revocations?.age() === Infinity) throw staleRevocations();
    if (revocations?.isRevoked(revocableOf(bearer, kid))) throw invalidToken('revoked');
    return bearer;
  }

  return {
    bearer: bearerOf,
    async user(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'user') throw invalidToken("a service's token in a user's place");
      return bearer.principal;
    },
    async caller(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'service') throw invalidToken("a user's token in a service's place");
      return bearer.caller;
    },
  };
}

function revocableOf(bearer: Bearer, kid: string): Revocable {
  if (bearer.kind === 'service') {
    const { service: sub, tokenId: jti, issuedAt: iat, roles } = bearer.caller;
    return { sub, jti, iat, kid, roles };
  }
  const { subject: sub, sessionId: sid, tokenId: jti, issuedAt: iat, roles } = bearer.principal;
  return { sub, sid, jti, iat, kid, roles };
}
