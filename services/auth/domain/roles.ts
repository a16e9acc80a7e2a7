import type { BuiltInRole } from '#kit/rpc/roles.ts';

/** A role is a set of scopes. */
const scopesOf: Readonly<Record<BuiltInRole, readonly string[]>> = {
  user: ['profile'],
  raider: ['profile'],
  support: ['profile', 'support'],
  admin: ['profile', 'support', 'admin'],
};

/** The scopes that roles give together, sorted. Roles that nobody defined give nothing. */
export function scopesFor(roles: readonly string[]): string[] {
  return [
    ...new Set(roles.flatMap((role) => (Object.hasOwn(scopesOf, role) ? scopesOf[role as BuiltInRole] : []))),
  ].toSorted();
}
