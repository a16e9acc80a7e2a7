/** Authentication context classes (RFC 9470), weakest first: password, multi-factor, phishing-resistant. */
export const acrLevels = ['pwd', 'mfa', 'phr'] as const;

/** An authentication context class. */
export type Acr = (typeof acrLevels)[number];

/** Returns the class that an `acr` claim names. undefined (an unknown class) ranks below all classes. */
export function acrOf(claim: unknown): Acr | undefined {
  return acrLevels.find((level) => level === claim);
}

/** Returns whether a session's class is at least the required one. */
export function reaches(actual: Acr | undefined, required: Acr): boolean {
  return actual !== undefined && acrLevels.indexOf(actual) >= acrLevels.indexOf(required);
}
