import type { Rig } from '../rig.ts';

/** Somebody else's things, made once for all attacks. */
export interface Spoils {
  /** A token that login gave to another person. */
  readonly other: string;
  /** A service's own token, signed by a published key. */
  readonly caller: string;
  /** Where a listener waits that nobody may ever reach. */
  readonly trap: string;
}

/** A request that must be refused. */
export interface Attack {
  readonly name: string;
  /** Makes the lines of the Authorization header. */
  readonly lines: (rig: Rig, spoils: Spoils) => readonly string[];
  /** What is said to whoever tries. INVALID_TOKEN unless told. */
  readonly reason?: 'TOKEN_REQUIRED' | 'INVALID_TOKEN';
  /** The headers are larger than a server takes, so that nothing gets to see the token. */
  readonly tooLarge?: boolean;
}

/** An attack by a token alone. */
export function forged(name: string, make: (rig: Rig, spoils: Spoils) => string, more: Partial<Attack> = {}): Attack {
  return { name, lines: (rig, spoils) => [`Bearer ${make(rig, spoils)}`], ...more };
}

/** The three segments of a token. */
export function split(token: string): [string, string, string] {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
}
