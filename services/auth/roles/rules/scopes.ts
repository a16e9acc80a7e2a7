import type { BuiltInRole } from '#kit/contract/roles.ts';

/** Prefix of Signet's scopes. Scopes of operators and of OpenID Connect do not have it. */
const reserved = 'signet:';

/** The scopes of the built-in roles. */
const scopesOf: Readonly<Record<BuiltInRole, readonly string[]>> = {
  user: ['signet:profile'],
  raider: ['signet:profile'],
  support: ['signet:profile', 'signet:support'],
  admin: ['signet:profile', 'signet:support', 'signet:admin'],
};

/**
 * The scopes of roles, sorted. Unknown roles have no scopes.
 * @param defined the scopes of the operator-defined ones among the roles
 */
export function scopesFor(roles: readonly string[], defined: readonly string[]): string[] {
  const own = defined.filter((scope) => !isReserved(scope));
  return [...new Set([...roles.flatMap(builtInScopes), ...own])].toSorted();
}

/** Whether a scope is reserved for built-in roles. */
function isReserved(scope: string): boolean {
  return scope.startsWith(reserved);
}

/** The scopes of a built-in role; empty for any other role. */
export function builtInScopes(role: string): readonly string[] {
  return isBuiltIn(role) ? scopesOf[role] : [];
}

/** Whether a role is built in. */
export function isBuiltIn(role: string): role is BuiltInRole {
  return Object.hasOwn(scopesOf, role);
}
