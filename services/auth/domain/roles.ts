import type { BuiltInRole } from '#kit/rpc/roles.ts';

/** A role is a set of scopes. */
const scopesOf: Readonly<Record<BuiltInRole, readonly string[]>> = {
  user: ['profile'],
  raider: ['profile'],
  support: ['profile', 'support'],
  admin: ['profile', 'support', 'admin'],
};

/**
 * The scopes that roles give together, sorted. Roles that nobody defined give nothing.
 * @param defined the scopes of those among them that an operator defined
 */
export function scopesFor(roles: readonly string[], defined: readonly string[]): string[] {
  return [...new Set([...roles.flatMap(builtInScopes), ...defined])].toSorted();
}

/** The scopes of a role that comes with Signet; of any other, none. */
export function builtInScopes(role: string): readonly string[] {
  return isBuiltIn(role) ? scopesOf[role] : [];
}

/** Tells whether a role comes with Signet. */
export function isBuiltIn(role: string): role is BuiltInRole {
  return Object.hasOwn(scopesOf, role);
}
