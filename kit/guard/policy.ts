import { reaches } from './acr.ts';
import type { Bearer, Caller, Principal } from './claims.ts';
import { bearerToken, callerToken, type HeaderSource } from './credentials.ts';
import { invalidToken, refusal, refusalReasonOf, staleRevocations } from './error.ts';
import type { Revocations } from './revocations.ts';
import { type AccessRule, assertRule, type UserRule } from './rule.ts';
import type { Verifier } from './verifier.ts';

/** The verified identity of a call. */
export interface Identity {
  /** The user. Unset if a service calls in its own name. */
  readonly user?: Principal;
  /** The calling service of the fleet, or the machine client that calls in its own name. */
  readonly caller?: Caller;
}

/**
 * Checks a request by its headers. Throws the refusal.
 * @param known the caller of this request, if it was verified before
 */
export type Check = (headers: HeaderSource, known?: Promise<Caller | undefined>) => Promise<Identity>;

/** Dependencies of a check. */
export interface PolicyDeps {
  readonly verifier: Verifier;
  /** undefined if revocations are not checked. */
  readonly revocations: Revocations | undefined;
  /** The time, in milliseconds since 1970. */
  readonly clock: () => number;
}

const anonymous: Identity = Object.freeze({});

/** Compiles a rule to a check. @throws Error if the rule is invalid */
export function compileRule(rule: AccessRule, deps: PolicyDeps): Check {
  assertRule(rule);
  // Public methods ignore credentials, so an expired token cannot block sign-in.
  if (rule === 'public') return async () => anonymous;
  const checkCaller = callerCheck(rule.callers ?? [], rule.internal === true, deps);
  if (rule.internal) {
    return async (headers, known) => {
      const caller = await checkCaller(headers, known);
      const token = bearerToken(headers);
      if (token !== undefined) return { ...caller, user: await deps.verifier.user(token) };
      if (headers.get('authorization')) throw invalidToken('not a bearer token');
      return caller;
    };
  }
  return async (headers, known) => {
    const token = bearerToken(headers);
    if (token === undefined) throw refusal('TOKEN_REQUIRED');
    const bearer = await deps.verifier.bearer(token);
    if (bearer.kind === 'service') throw invalidToken('a fleet token instead of a user token');
    if (bearer.kind === 'machine' && !rule.services) throw invalidToken('a machine token instead of a user token');
    const caller = await checkCaller(headers, known);
    checkGrants(bearer.kind === 'user' ? bearer.principal : bearer.caller, rule);
    checkAuthentication(bearer, rule, deps.clock());
    checkStaleness(rule, deps.revocations);
    return bearer.kind === 'user' ? { user: bearer.principal, ...caller } : { caller: bearer.caller };
  };
}

/** Verifies the caller token of a request. Returns undefined without one. @throws CALLER_NOT_ALLOWED if it is invalid */
export async function callerOf(headers: HeaderSource, verifier: Verifier): Promise<Caller | undefined> {
  try {
    const token = callerToken(headers);
    return token === undefined ? undefined : await verifier.caller(token);
  } catch (error) {
    throw refusalReasonOf(error) === 'INVALID_TOKEN' ? refusal('CALLER_NOT_ALLOWED', { cause: error }) : error;
  }
}

/** Checks the caller: a caller token must be valid if it is sent, and is required if `named` or `needed` is set. */
function callerCheck(named: readonly string[], needed: boolean, { verifier }: PolicyDeps) {
  return async (headers: HeaderSource, known?: Promise<Caller | undefined>): Promise<{ caller?: Caller }> => {
    const caller = await (known ?? callerOf(headers, verifier));
    if (!caller) {
      if (needed || named.length > 0) throw refusal('CALLER_NOT_ALLOWED');
      return {};
    }
    if (named.length > 0 && !named.includes(caller.service)) throw refusal('CALLER_NOT_ALLOWED');
    return { caller };
  };
}

function checkGrants(user: Principal | Caller, { roles = [], scopes = [] }: UserRule): void {
  const hasRole = roles.length === 0 || roles.some((role) => user.roles.includes(role));
  const hasScopes = scopes.every((scope) => user.scopes.includes(scope));
  if (hasRole && hasScopes) return;
  const detail = [
    ...(hasRole ? [] : [`Needs the role ${anyOf.format(roles)}.`]),
    ...(hasScopes ? [] : [`Needs the ${scopes.length > 1 ? 'scopes' : 'scope'} ${allOf.format(scopes)}.`]),
  ].join(' ');
  throw refusal('INSUFFICIENT_SCOPE', { detail, ...challenge('insufficient_scope', { scope: scopes.join(' ') }) });
}

const anyOf = new Intl.ListFormat('en', { type: 'disjunction' });
const allOf = new Intl.ListFormat('en', { type: 'conjunction' });

/**
 * Checks the class and age of the authentication (RFC 9470 section 3). A machine
 * authenticates for each token, and its authentication has no class.
 */
function checkAuthentication(bearer: Bearer, { acr, maxAuthAge }: UserRule, now: number): void {
  const isUser = bearer.kind === 'user';
  const authTime = isUser ? bearer.principal.authTime : bearer.caller.issuedAt;
  const strong = acr === undefined || (isUser && reaches(bearer.principal.acr, acr));
  const recent = maxAuthAge === undefined || now / 1_000 - authTime <= maxAuthAge;
  if (strong && recent) return;
  const needed = { acr_values: acr ?? '', max_age: maxAuthAge === undefined ? '' : String(Math.floor(maxAuthAge)) };
  throw refusal('REAUTHENTICATION_REQUIRED', challenge('insufficient_user_authentication', needed));
}

function checkStaleness({ maxStaleness }: UserRule, revocations: Revocations | undefined): void {
  if (maxStaleness === undefined || (revocations?.age() ?? Infinity) <= maxStaleness) return;
  throw staleRevocations();
}

function challenge(error: string, parameters: Record<string, string>): { headers: HeadersInit } {
  const given = Object.entries({ error, ...parameters }).filter(([, value]) => value !== '');
  return { headers: { 'www-authenticate': `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(', ')}` } };
}
