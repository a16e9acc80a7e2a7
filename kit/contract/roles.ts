/** The roles that access rules may name. */
export const builtInRoles = ['user', 'raider', 'support', 'admin'] as const;

/** One of them. */
export type BuiltInRole = (typeof builtInRoles)[number];
