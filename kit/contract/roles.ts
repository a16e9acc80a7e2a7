/** The roles that access rules may name. */
export const builtInRoles = ['user', 'raider', 'support', 'admin'] as const;

/** A built-in role. */
export type BuiltInRole = (typeof builtInRoles)[number];
