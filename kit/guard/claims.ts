import { z } from 'zod';
import { type Acr, acrOf } from './acr.ts';
import { invalidToken } from './error.ts';
import { isObject, parseStrictly } from './json.ts';

/** A user, as an access token has them. Frozen. */
export interface Principal {
  /** `sub`: the account's id. */
  readonly subject: string;
  /** `sid`. */
  readonly sessionId: string;
  /** `jti`. */
  readonly tokenId: string;
  /** `client_id`: the application that the user signed in with. */
  readonly clientId: string;
  /** What the user typed, unless `emailVerified`; undefined where the issuer names none. */
  readonly email: string | undefined;
  /** The user has proved that the email is theirs: without it, a service must not go by the email. */
  readonly emailVerified: boolean;
  readonly roles: readonly string[];
  /** `scope`, taken apart. */
  readonly scopes: readonly string[];
  /** Authentication context class (RFC 9470): `pwd` < `mfa` < `phr`; undefined, below all, where the claim is none of them. */
  readonly acr: Acr | undefined;
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** When the user last authenticated, in seconds since 1970. */
  readonly authTime: number;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** All claims as they came, checked or not. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The token itself, to pass on. A secret: never log it. */
  readonly token: string;
}

/** A service of the fleet, or a machine, that calls with a token of its own. Frozen. */
export interface Caller {
  /** Its name: `client_id`, which is also `sub`. */
  readonly service: string;
  /** `jti`. */
  readonly tokenId: string;
  /** What a machine may do in its own name; a service of the fleet has none. */
  readonly roles: readonly string[];
  /** `scope`, taken apart. */
  readonly scopes: readonly string[];
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** The token itself. A secret: never log it. */
  readonly token: string;
}

/**
 * Whose token it is. `service`: of the fleet, for `x-signet-caller`. `machine`:
 * a client in its own name, for `Authorization`. A token is one of them, never two.
 */
export type Bearer =
  | { readonly kind: 'user'; readonly principal: Principal }
  | { readonly kind: 'service' | 'machine'; readonly caller: Caller };

/** What claims must say. */
export interface ClaimRules {
  readonly issuer: string;
  /** Of tokens of users and of machines. */
  readonly audience: string;
  /** Of tokens of services of the fleet. */
  readonly fleetAudience: string;
  /** How far clocks may be apart, in seconds. */
  readonly skew: number;
  /** Longest `exp - iat`, in seconds. */
  readonly maxLife: number;
}

const word = z.string().min(1);
// 1e400 parses to Infinity, 1.5 and "1" are not times: int() refuses them all.
const time = z.int().min(0);
const common = {
  iss: word,
  aud: z.union([word, z.array(word).min(1)]),
  sub: word,
  client_id: word,
  jti: word,
  iat: time,
  exp: time,
  nbf: time.optional(),
};
const userSchema = z.object({
  ...common,
  sub: z.guid(),
  sid: word,
  email: word.optional(),
  email_verified: z.unknown().optional(),
  scope: z.string(),
  roles: z.array(word),
  amr: z.array(word),
  acr: z.string().optional(),
  auth_time: time,
});
type CommonClaims = z.infer<z.ZodObject<typeof common>>;
const serviceSchema = z.object({ ...common, roles: z.array(word).optional(), scope: z.string().optional() });

/**
 * Reads the payload of a token whose signature is good. A user's token has a
 * `sid`; others have none, and a `sub` that is their `client_id` (RFC 9068
 * section 2.2). Of these, the audience alone tells a service of the fleet from a
 * machine: the claims of both have one shape. A token with `cnf` is bound to a
 * key of its sender (RFC 7800); as proofs are not checked, it is refused.
 * `now` is in seconds.
 * @throws INVALID_TOKEN
 */
export function readClaims(payload: Uint8Array, token: string, rules: ClaimRules, now: number): Bearer {
  const claims = parse(payload);
  if (Object.hasOwn(claims, 'cnf')) throw invalidToken('sender-constrained, and proofs are not checked');
  if (Object.hasOwn(claims, 'sid')) {
    const user = checked(userSchema, claims, rules, now);
    if (!isFor(user.aud, rules.audience)) throw invalidToken('another audience');
    if (user.sub === user.client_id) throw invalidToken('a session on a token of a service');
    if (user.auth_time > user.iat + rules.skew) throw invalidToken('issued before the user authenticated');
    return { kind: 'user', principal: principalOf(user, claims, token) };
  }
  const service = checked(serviceSchema, claims, rules, now);
  if (service.sub !== service.client_id) throw invalidToken('neither a session nor a service');
  const { aud, client_id, jti, iat, exp, roles = [], scope = '' } = service;
  const kind = kindFor(aud, rules);
  const grants = { roles: Object.freeze(roles), scopes: scopesOf(scope) };
  const caller = { service: client_id, tokenId: jti, ...grants, issuedAt: iat, expiresAt: exp, token };
  return { kind, caller: Object.freeze(caller) };
}

function kindFor(aud: string | readonly string[], { audience, fleetAudience }: ClaimRules): 'service' | 'machine' {
  const [asService, asMachine] = [isFor(aud, fleetAudience), isFor(aud, audience)];
  if (asService && asMachine) throw invalidToken('a service of the fleet and a machine at once');
  if (!asService && !asMachine) throw invalidToken('another audience');
  return asService ? 'service' : 'machine';
}

function isFor(aud: string | readonly string[], audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : aud.includes(audience);
}

function parse(payload: Uint8Array): Readonly<Record<string, unknown>> {
  let claims: unknown;
  try {
    claims = parseStrictly(payload);
  } catch (error) {
    throw invalidToken('the claims are not JSON, or have a name twice', error);
  }
  if (!isObject(claims)) throw invalidToken('the claims are not an object');
  return claims;
}

function checked<T extends CommonClaims>(
  schema: z.ZodType<T>,
  claims: unknown,
  { issuer, skew, maxLife }: ClaimRules,
  now: number,
): T {
  const parsed = schema.safeParse(claims);
  if (!parsed.success)
    throw invalidToken(`claims: ${parsed.error.issues.map(({ path }) => path.join('.')).join(', ')}`);
  const { iss, iat, exp, nbf } = parsed.data;
  if (iss !== issuer) throw invalidToken('another issuer');
  if (exp + skew <= now) throw invalidToken('expired');
  if (iat > now + skew || (nbf ?? 0) > now + skew) throw invalidToken('not valid yet');
  if (exp <= iat || exp - iat > maxLife) throw invalidToken('a life that is too long, or none');
  return parsed.data;
}

function scopesOf(scope: string): readonly string[] {
  return Object.freeze(scope.split(' ').filter((one) => one !== ''));
}

function principalOf(
  user: z.infer<typeof userSchema>,
  claims: Readonly<Record<string, unknown>>,
  token: string,
): Principal {
  return Object.freeze({
    subject: user.sub,
    sessionId: user.sid,
    tokenId: user.jti,
    clientId: user.client_id,
    email: user.email,
    emailVerified: user.email !== undefined && user.email_verified === true,
    roles: Object.freeze(user.roles),
    scopes: scopesOf(user.scope),
    acr: acrOf(user.acr),
    amr: Object.freeze(user.amr),
    authTime: user.auth_time,
    issuedAt: user.iat,
    expiresAt: user.exp,
    claims,
    token,
  });
}
