import { z } from 'zod';
import { type Acr, acrLevels } from './acr.ts';
import { faultsIn } from './options.ts';

/**
 * Who may call. `'public'`: any client. `{}`: any signed-in user. This is
 * signet.policy.v1.Access as plain data, for routes without a protobuf definition.
 */
export type AccessRule = 'public' | UserRule | ServiceRule;

/** A user is required who meets all conditions that are set. */
export interface UserRule {
  readonly internal?: false;
  /** The user has one of these roles. Unset: no role is required. */
  readonly roles?: readonly string[];
  /** The token has all of these scopes. */
  readonly scopes?: readonly string[];
  /** Services of the fleet that may call on the user's behalf. Unset: no service is required. */
  readonly callers?: readonly string[];
  /** Minimum authentication context class of the session (RFC 9470): `pwd` < `mfa` < `phr`. */
  readonly acr?: Acr;
  /** Maximum time since the user authenticated, in seconds. */
  readonly maxAuthAge?: number;
  /** Maximum age of the revocation data, in seconds. */
  readonly maxStaleness?: number;
  /** A machine client may call in its own name, if its token has the roles and scopes. */
  readonly services?: boolean;
}

/** A service of the fleet is required, a user is not. */
export interface ServiceRule {
  readonly internal: true;
  /** Services that may call. Unset: any. */
  readonly callers?: readonly string[];
}

// The scope-token of RFC 6749 section 3.3, without characters that need escaping in headers or lists.
const name = z.string('has an invalid name').regex(/^[\w.:/-]+$/, 'has an invalid name');
// An empty list would mean "any": an unset variable must not open a method.
const names = z
  .array(name)
  .min(1, 'is empty')
  .refine((all) => new Set(all).size === all.length, 'has a duplicate name');
const seconds = z.number('is not a number of seconds').positive('is not above 0');
const userRule = z
  .strictObject({
    internal: z.literal(false).optional(),
    roles: names.optional(),
    scopes: names.optional(),
    callers: names.optional(),
    acr: z.enum(acrLevels, `must be one of ${acrLevels.join(', ')}`).optional(),
    maxAuthAge: seconds.optional(),
    maxStaleness: seconds.optional(),
    services: z.boolean().optional(),
  })
  .refine(({ services, roles, scopes }) => !services || roles || scopes, 'services requires roles or scopes');
const serviceRule = z.strictObject({ internal: z.literal(true), callers: names.optional() });

/** Checks a rule. @throws Error on an unknown name, an empty list or a number that is not finite */
export function assertRule(rule: AccessRule): void {
  const faults = faultsOf(rule);
  if (faults.length > 0) throw new Error(`Invalid access rule: ${faults.join(', ')}.`);
}

/** Returns descriptions of a rule's faults, empty if it is valid. */
export function faultsOf(rule: AccessRule, knownRoles?: ReadonlySet<string>): string[] {
  if (rule === 'public') return [];
  // Not a union of the schemas: its message would not say what is wrong.
  const faults = faultsIn(Object(rule).internal === true ? serviceRule : userRule, rule);
  if (faults.length > 0 || rule.internal || !knownRoles) return faults;
  return (rule.roles ?? []).filter((role) => !knownRoles.has(role)).map((role) => `unknown role ${role}`);
}
