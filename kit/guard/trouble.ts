/** Data that a guard needs: keys, revocations and, for the latter, a service key that the auth service knows. */
export type Need = 'keys' | 'revocations' | 'service_key';

/** Data that a guard cannot load. It may still work with older data: `Guard.obstacle` returns whether it can. */
export interface Trouble {
  /** Missing data, as a word that is safe to show to clients. */
  readonly need: Need;
  /** Cause, for the log only. */
  readonly why: string;
}

/** Returns the messages of an error and its causes, on one line. */
export function reasonsOf(error: unknown): string {
  const reasons: string[] = [];
  for (let at: unknown = error; at instanceof Error && reasons.length < 5; at = at.cause) {
    const { code } = at as { code?: unknown };
    const text = at.message || (typeof code === 'string' ? code : at.name);
    if (text !== reasons.at(-1)) reasons.push(text);
  }
  return (reasons.join(': ') || String(error)).replaceAll(/\s+/g, ' ');
}
