import { z } from 'zod';
import { type Acr, acrLevels } from './acr.ts';
import { faultsIn } from './options.ts';

/**
 * Who may call. `'public'`: everyone. `{}`: any signed-in user. This is
 * signet.policy.v1.Access as plain data, so that a route without a protobuf
 * definition can have a rule too.
 */
export type AccessRule = 'public' | UserRule | ServiceRule;

/** A user is needed, and all that is named. */
export interface UserRule {
  readonly internal?: false;
  /** The user has one of these. Unset: any role will do. */
  readonly roles?: readonly string[];
  /** The token has all of these. */
  readonly scopes?: readonly string[];
  /** Services of the fleet that may ask on the user's behalf. Unset: no service is needed. */
  readonly callers?: readonly string[];
  /** Least authentication context class of the session (RFC 9470): `pwd` < `mfa` < `phr`. */
  readonly acr?: Acr;
  /** Longest time since the user authenticated, in seconds. */
  readonly maxAuthAge?: number;
  /** Longest time since revocations were heard of, in seconds. */
  readonly maxStaleness?: number;
  /** A machine may call in its own name, where its token has the roles and scopes. */
  readonly services?: boolean;
}

/** A service of the fleet is needed, a user is not. */
export interface ServiceRule {
  readonly internal: true;
  /** The services. Unset: any. */
  readonly callers?: readonly string[];
}

// RFC 6749 section 3.3: scope-token, less what a header or a list of names would need to escape.
const name = z.string('has a name that is not a word').regex(/^[\w.:/-]+$/, 'has a name that is not a word');
// An empty list would mean "any": a variable that is not set must not open a method.
const names = z
  .array(name)
  .min(1, 'is empty')
  .refine((all) => new Set(all).size === all.length, 'has a name twice');
const seconds = z.number('is not a number of seconds').positive('is not above 0');
const userRule = z
  .strictObject({
    internal: z.literal(false).optional(),
    roles: names.optional(),
    scopes: names.optional(),
    callers: names.optional(),
    acr: z.enum(acrLevels, `is none of ${acrLevels.join(', ')}`).optional(),
    maxAuthAge: seconds.optional(),
    maxStaleness: seconds.optional(),
    services: z.boolean().optional(),
  })
  .refine(({ services, roles, scopes }) => !services || roles || scopes, 'services, and no role or scope');
const serviceRule = z.strictObject({ internal: z.literal(true), callers: names.optional() });

/** @throws Error where a rule is not valid: an unknown name, an empty list, a number that is not finite */
export function assertRule(rule: AccessRule): void {
  const faults = faultsOf(rule);
  if (faults.length > 0) throw new Error(`Not a valid access rule: ${faults.join(', ')}.`);
}

/** What is wrong with a rule, in words; empty where nothing is. */
export function faultsOf(rule: AccessRule, knownRoles?: ReadonlySet<string>): string[] {
  if (rule === 'public') return [];
  // A union would say that neither fits, and not why.
  const faults = faultsIn(Object(rule).internal === true ? serviceRule : userRule, rule);
  if (faults.length > 0 || rule.internal || !knownRoles) return faults;
  return (rule.roles ?? []).filter((role) => !knownRoles.has(role)).map((role) => `unknown role ${role}`);
}
