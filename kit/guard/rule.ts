/**
 * Who may call. `'public'`: anybody. `{}`: any signed-in user. This is
 * signet.policy.v1.Access as plain data, so that a route without a protobuf
 * definition can have a rule too.
 */
export type AccessRule = 'public' | UserRule | ServiceRule;

/** A user is needed, and all that is named. */
export interface UserRule {
  readonly internal?: false;
  /** The user has one of these. Empty: any role will do. */
  readonly roles?: readonly string[];
  /** The token has all of these. */
  readonly scopes?: readonly string[];
  /** Services that may ask on the user's behalf. Empty: anybody. */
  readonly callers?: readonly string[];
  /** Authentication context class that the session must have (RFC 9470). */
  readonly acr?: string;
  /** Longest time since the user authenticated, in seconds. */
  readonly maxAuthAge?: number;
  /** Longest time since revocations were heard of, in seconds. */
  readonly maxStaleness?: number;
  /** A service may call in its own name, where its token has the roles and scopes. */
  readonly services?: boolean;
}

/** A service is needed, a user is not. */
export interface ServiceRule {
  readonly internal: true;
  /** The services. Empty: any. */
  readonly callers?: readonly string[];
}

/** Throws an Error where a rule is not valid. */
export function assertRule(rule: AccessRule): void {
  const faults = faultsOf(rule);
  if (faults.length > 0) throw new Error(`Not a valid access rule: ${faults.join(', ')}.`);
}

/** What is wrong with a rule, in words; empty where nothing is. */
export function faultsOf(rule: AccessRule, knownRoles?: ReadonlySet<string>): string[] {
  if (rule === 'public') return [];
  const faults = [...namesOf('callers', rule.callers)];
  if (rule.internal) return faults;
  faults.push(...namesOf('roles', rule.roles), ...namesOf('scopes', rule.scopes));
  for (const role of rule.roles ?? []) if (knownRoles && !knownRoles.has(role)) faults.push(`unknown role ${role}`);
  if (rule.services && !rule.roles?.length && !rule.scopes?.length) faults.push('services, and no role or scope');
  if (rule.acr !== undefined && !/^[\w.:/-]+$/.test(rule.acr)) faults.push('acr is not a word');
  for (const name of ['maxAuthAge', 'maxStaleness'] as const) {
    const seconds = rule[name];
    if (seconds !== undefined && !(Number.isFinite(seconds) && seconds > 0)) faults.push(`${name} is not above 0`);
  }
  return faults;
}

// RFC 6749 section 3.3: scope-token, less what a header or a list of names would need to escape.
function namesOf(what: string, names: readonly string[] = []): string[] {
  const faults = names.filter((name) => !/^[\w.:/-]+$/.test(name)).map(() => `${what} has a name that is not a word`);
  if (new Set(names).size !== names.length) faults.push(`${what} has a name twice`);
  return faults;
}
