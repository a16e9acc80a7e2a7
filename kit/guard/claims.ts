import { z } from 'zod';
import { type Acr, acrOf } from './acr.ts';
import { invalidToken } from './error.ts';
import { isObject, parseStrictly } from './json.ts';

/** The user of an access token. Frozen. */
export interface Principal {
  /** `sub`: the account's id. */
  readonly subject: string;
  /** `sid`. */
  readonly sessionId: string;
  /** `jti`. */
  readonly tokenId: string;
  /** `client_id`: the application that the user signed in with. */
  readonly clientId: string;
  /** Email of the user, unverified unless `emailVerified`. undefined if the token has none. */
  readonly email: string | undefined;
  /** Whether the user verified the email. A service must not rely on an unverified email. */
  readonly emailVerified: boolean;
  readonly roles: readonly string[];
  /** `scope`, split. */
  readonly scopes: readonly string[];
  /** Authentication context class (RFC 9470): `pwd` < `mfa` < `phr`. undefined (unknown class) ranks below all. */
  readonly acr: Acr | undefined;
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** When the user last authenticated, in seconds since 1970. */
  readonly authTime: number;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** All claims of the token, including unchecked ones. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The token, for forwarding. It is a secret: never log it. */
  readonly token: string;
}

/** A service of the fleet or a machine client that calls with its own token. Frozen. */
export interface Caller {
  /** Name of the service: `client_id`, which is also `sub`. */
  readonly service: string;
  /** `jti`. */
  readonly tokenId: string;
  /** Roles of a machine client. A service of the fleet has none. */
  readonly roles: readonly string[];
  /** `scope`, split. */
  readonly scopes: readonly string[];
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** The token. It is a secret: never log it. */
  readonly token: string;
}

/**
 * The bearer of a token. `service`: a service of the fleet, in `x-signet-caller`.
 * `machine`: a client calling in its own name, in `Authorization`. A token has
 * exactly one kind.
 */
export type Bearer =
  | { readonly kind: 'user'; readonly principal: Principal }
  | { readonly kind: 'service' | 'machine'; readonly caller: Caller };

/** Rules that the claims must meet. */
export interface ClaimRules {
  readonly issuer: string;
  /** Audience of the tokens of users and machines. */
  readonly audience: string;
  /** Audience of the tokens of services of the fleet. */
  readonly fleetAudience: string;
  /** Allowed clock skew, in seconds. */
  readonly skew: number;
  /** Maximum of `exp - iat`, in seconds. */
  readonly maxLife: number;
}

const word = z.string().min(1);
// int() rejects 1e400 (parsed as Infinity), 1.5 and "1".
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
 * Reads the claims of a token whose signature is valid. A user's token has `sid`.
 * Other tokens have no `sid`, and their `sub` equals `client_id` (RFC 9068 section
 * 2.2); only the audience distinguishes a service of the fleet from a machine. A
 * token with `cnf` is sender-constrained (RFC 7800) and rejected, because the
 * guard does not check proofs of possession.
 * @param now in seconds since 1970
 * @throws INVALID_TOKEN
 */
export function readClaims(payload: Uint8Array, token: string, rules: ClaimRules, now: number): Bearer {
  const claims = parse(payload);
  if (Object.hasOwn(claims, 'cnf')) throw invalidToken('sender-constrained tokens are not supported');
  if (Object.hasOwn(claims, 'sid')) {
    const user = checked(userSchema, claims, rules, now);
    if (!isFor(user.aud, rules.audience)) throw invalidToken('wrong audience');
    if (user.sub === user.client_id) throw invalidToken('a service token with a session');
    if (user.auth_time > user.iat + rules.skew) throw invalidToken('auth_time is after iat');
    return { kind: 'user', principal: principalOf(user, claims, token) };
  }
  const service = checked(serviceSchema, claims, rules, now);
  if (service.sub !== service.client_id) throw invalidToken('neither a user token nor a service token');
  const { aud, client_id, jti, iat, exp, roles = [], scope = '' } = service;
  const kind = kindFor(aud, rules);
  const grants = { roles: Object.freeze(roles), scopes: scopesOf(scope) };
  const caller = { service: client_id, tokenId: jti, ...grants, issuedAt: iat, expiresAt: exp, token };
  return { kind, caller: Object.freeze(caller) };
}

function kindFor(aud: string | readonly string[], { audience, fleetAudience }: ClaimRules): 'service' | 'machine' {
  const [asService, asMachine] = [isFor(aud, fleetAudience), isFor(aud, audience)];
  if (asService && asMachine) throw invalidToken('audience of both a service of the fleet and a machine');
  if (!asService && !asMachine) throw invalidToken('wrong audience');
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
    throw invalidToken('the claims are not JSON or have a duplicate name', error);
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
    throw invalidToken(
      `missing or invalid claims: ${parsed.error.issues.map(({ path }) => path.join('.')).join(', ')}`,
    );
  const { iss, iat, exp, nbf } = parsed.data;
  if (iss !== issuer) throw invalidToken('wrong issuer');
  if (exp + skew <= now) throw invalidToken('expired');
  if (iat > now + skew || (nbf ?? 0) > now + skew) throw invalidToken('not valid yet');
  if (exp <= iat || exp - iat > maxLife) throw invalidToken('lifetime (exp - iat) is not above 0 or too long');
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
