/** What a guard needs: keys, news of revocations, and, to be told these, a key of its service that the issuer knows. */
export type Need = 'keys' | 'revocations' | 'service_key';

/** What a guard cannot get right now. It may go on with what it has: `Guard.obstacle` says whether it can. */
export interface Trouble {
  /** In a word that is safe to show. */
  readonly need: Need;
  /** What is wrong, and where; for the log alone. */
  readonly why: string;
}

/** The text of an error and of its causes, on one line. */
export function reasonsOf(error: unknown): string {
  const reasons: string[] = [];
  for (let at: unknown = error; at instanceof Error && reasons.length < 5; at = at.cause) {
    const { code } = at as { code?: unknown };
    const text = at.message || (typeof code === 'string' ? code : at.name);
    if (text !== reasons.at(-1)) reasons.push(text);
  }
  return (reasons.join(': ') || String(error)).replaceAll(/\s+/g, ' ');
}
