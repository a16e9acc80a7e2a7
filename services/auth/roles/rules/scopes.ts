import type { BuiltInRole } from '#kit/contract/roles.ts';

/** What the scopes begin with that come with Signet. Those of operators, and of OpenID Connect, do not. */
const reserved = 'signet:';

/** A role is a set of scopes. */
const scopesOf: Readonly<Record<BuiltInRole, readonly string[]>> = {
  user: ['signet:profile'],
  raider: ['signet:profile'],
  support: ['signet:profile', 'signet:support'],
  admin: ['signet:profile', 'signet:support', 'signet:admin'],
};

/**
 * The scopes that roles give together, sorted. Roles that nobody defined give nothing.
 * @param defined the scopes of those among them that an operator defined
 */
export function scopesFor(roles: readonly string[], defined: readonly string[]): string[] {
  const own = defined.filter((scope) => !isReserved(scope));
  return [...new Set([...roles.flatMap(builtInScopes), ...own])].toSorted();
}

/** Tells whether a scope may come with Signet only: no role that an operator defines can have it. */
function isReserved(scope: string): boolean {
  return scope.startsWith(reserved);
}

/** The scopes of a role that comes with Signet; of any other, none. */
export function builtInScopes(role: string): readonly string[] {
  return isBuiltIn(role) ? scopesOf[role] : [];
}

/** Tells whether a role comes with Signet. */
export function isBuiltIn(role: string): role is BuiltInRole {
  return Object.hasOwn(scopesOf, role);
}
