import { z } from 'zod';
import { type Algorithm, checkAlgorithms } from './algorithms.ts';
import { type Bearer, type Caller, type ClaimRules, type Principal, readClaims } from './claims.ts';
import { invalidToken, staleRevocations } from './error.ts';
import type { KeySource } from './keys.ts';
import { checkOptions, func, having, milliseconds, whole } from './options.ts';
import type { Revocable, Revocations } from './revocations.ts';
import type { GuardReason } from './reasons.ts';
import { verifySignature } from './signature.ts';

/** Hears what a guard does, for metrics. Neither may throw. */
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
  /** The same for tokens of services of the fleet. Default `<audience>:fleet`. */
  readonly fleetAudience?: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
  /** `typ`, in lower case without `application/`; `''` lets a token without one pass. Default `at+jwt` (RFC 9068). */
  readonly types?: readonly string[];
  /**
   * Asked on every use of a token; until they were heard of once, none is good.
   * `'none'`: nothing is asked, and a token is good until it expires, whatever
   * its user signed out of.
   */
  readonly revocations: Revocations | 'none';
  /** How far clocks may be apart, in milliseconds, at most 5 min. Default 5 s. */
  readonly clockSkew?: number;
  /** Longest `exp - iat`, in milliseconds. Default 1 h, and no more: revocations are forgotten after that. */
  readonly maxTokenLife?: number;
  /** How many verified tokens are remembered, at most 1,000,000. Default 10,000. */
  readonly cacheSize?: number;
  /** Is told what happens, for metrics. */
  readonly observe?: GuardObserver;
  /** The time, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Verifies access tokens. All throw INVALID_TOKEN or KEYS_UNAVAILABLE, and REVOCATIONS_STALE until revocations were heard of once. */
export interface Verifier {
  /** Any token: a user's, a machine's, or one of a service of the fleet. */
  bearer(token: string): Promise<Bearer>;
  /** A user's token. */
  user(token: string): Promise<Principal>;
  /** The token of a service of the fleet. */
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

/** Longest life of a token, ms: no verifier accepts a longer one, and no revocation is kept for longer. */
export const longestTokenLife = 3_600_000;

/** The audience of tokens of services of the fleet, where users have this one. */
export function fleetAudienceOf(audience: string): string {
  return `${audience}:fleet`;
}

const word = z.string('must be a string').min(1, 'must not be empty');
const asked = having('isRevoked', 'age');

/** The options of a verifier. */
export const verifierOptions = {
  issuer: word,
  audience: word,
  fleetAudience: word.optional(),
  algorithms: z.array(z.string(), 'must be a list').readonly(),
  keys: having('held', 'get', 'refresh', 'ready', 'close', 'trouble'),
  types: z
    .array(z.string().regex(/^[a-z0-9!#$&^_.+-]*$/, 'must be in lower case, without application/'))
    .min(1, 'must name one')
    .optional(),
  revocations: z.custom<unknown>(
    (value) => value === 'none' || asked.safeParse(value).success,
    "must be a feed of them, or 'none'",
  ),
  clockSkew: milliseconds(0, 300_000).optional(),
  maxTokenLife: milliseconds(1_000, longestTokenLife).optional(),
  cacheSize: whole(0, 1_000_000).optional(),
  observe: z.strictObject({ decision: func.optional(), cache: func.optional() }).optional(),
  clock: func.optional(),
};

/**
 * Makes a verifier that remembers what it verified, by the exact token, until the
 * token expires or its key leaves the key source.
 * @throws Error on options that are unknown or make no sense
 */
export function createVerifier(options: VerifierOptions): Verifier {
  checkOptions('the verifier', z.strictObject(verifierOptions), options);
  const { issuer, audience, algorithms, keys, observe, types = ['at+jwt'], clock = Date.now } = options;
  const { fleetAudience = fleetAudienceOf(audience) } = options;
  const revocations = options.revocations === 'none' ? undefined : options.revocations;
  const { clockSkew = 5_000, maxTokenLife = longestTokenLife, cacheSize = 10_000 } = options;
  checkAlgorithms(algorithms);
  if (fleetAudience === audience) throw new Error('The fleet must have an audience that users do not have.');
  const rules: ClaimRules = { issuer, audience, fleetAudience, skew: clockSkew / 1_000, maxLife: maxTokenLife / 1_000 };
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
      if (bearer.kind !== 'user') throw invalidToken("a token of no user in a user's place");
      return bearer.principal;
    },
    async caller(token) {
      const bearer = await bearerOf(token);
      if (bearer.kind !== 'service') throw invalidToken('a token of no service of the fleet in the place of one');
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
