import { type Algorithm, checkAlgorithms } from './algorithms.ts';
import { type Bearer, type Caller, type ClaimRules, type Principal, readClaims } from './claims.ts';
import { invalidToken } from './error.ts';
import type { KeySource } from './keys.ts';
import type { Revocations } from './revocations.ts';
import { verifySignature } from './signature.ts';

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
  /** Asked on every use of a token. Default: nobody is. */
  readonly revocations?: Revocations;
  /** How far clocks may be apart, in milliseconds. Default 5 s. */
  readonly clockSkew?: number;
  /** Longest `exp - iat`, in milliseconds. Default 1 h. */
  readonly maxTokenLife?: number;
  /** How many verified tokens are remembered. Default 10,000. */
  readonly cacheSize?: number;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Verifies access tokens. Both throw INVALID_TOKEN or KEYS_UNAVAILABLE. */
export interface Verifier {
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

/**
 * Makes a verifier that remembers what it verified, by the exact token, until the
 * token expires or its key leaves the key source. Throws an Error on options that
 * make no sense.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, algorithms, keys, revocations, types = ['at+jwt'], clock = Date.now } = options;
  const { clockSkew = 5_000, maxTokenLife = 3_600_000, cacheSize = 10_000 } = options;
  checkAlgorithms(algorithms);
  if (issuer === '' || audience === '') throw new Error('The guard needs an issuer and an audience.');
  const rules: ClaimRules = { issuer, audience, skew: clockSkew / 1_000, maxLife: maxTokenLife / 1_000 };
  const form = { algorithms, types };
  const remembered = new Map<string, Verified>();
  const running = new Map<string, Promise<Bearer>>();

  async function verify(token: string): Promise<Bearer> {
    const { payload, kid, alg, key } = await verifySignature(token, form, keys);
    const bearer = readClaims(payload, token, rules, clock() / 1_000);
    const { expiresAt } = bearer.kind === 'user' ? bearer.principal : bearer.caller;
    // The oldest goes. Only verified tokens are here, so a flood of bad ones drives none out;
    // refusals are not remembered, for a key or a minute later the token may be good.
    if (remembered.size >= cacheSize) remembered.delete(remembered.keys().next().value ?? '');
    if (cacheSize > 0) remembered.set(token, { bearer, kid, alg, key, end: expiresAt * 1_000 + clockSkew });
    return bearer;
  }

  function bearerOf(token: string): Bearer | Promise<Bearer> {
    const found = remembered.get(token);
    if (found) {
      if (clock() < found.end && keys.held(found.kid, found.alg) === found.key) return found.bearer;
      remembered.delete(token);
    }
    const begun = running.get(token);
    if (begun) return begun;
    const verifying = verify(token).finally(() => running.delete(token));
    running.set(token, verifying);
    return verifying;
  }

  return {
    async user(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'user') throw invalidToken("a service's token in a user's place");
      const { subject: sub, sessionId: sid, tokenId: jti, issuedAt: iat } = bearer.principal;
      if (revocations?.isRevoked({ sub, sid, jti, iat })) throw invalidToken('revoked');
      return bearer.principal;
    },
    async caller(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'service') throw invalidToken("a user's token in a service's place");
      const { service: sub, tokenId: jti, issuedAt: iat } = bearer.caller;
      if (revocations?.isRevoked({ sub, jti, iat })) throw invalidToken('revoked');
      return bearer.caller;
    },
  };
}
