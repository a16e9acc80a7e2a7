/** Authentication context classes (RFC 9470), the weakest first: a password, two factors, two that resist phishing. */
export const acrLevels = ['pwd', 'mfa', 'phr'] as const;

/** One of them. */
export type Acr = (typeof acrLevels)[number];

/** A claim as a level; undefined, below all of them, where it names none. */
export function acrOf(claim: unknown): Acr | undefined {
  return acrLevels.find((level) => level === claim);
}

/** Tells whether a session's level is at least the one that is needed. */
export function reaches(held: Acr | undefined, needed: Acr): boolean {
  return held !== undefined && acrLevels.indexOf(held) >= acrLevels.indexOf(needed);
}
