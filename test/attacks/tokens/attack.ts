import type { Rig } from '../rig.ts';

/** What the attacker has; created once for all attacks. */
export interface AttackContext {
  /** An access token of another user. */
  readonly other: string;
  /** A service token, signed by a published key. */
  readonly caller: string;
  /** The URL of a listener that must never get a connection. */
  readonly trap: string;
}

/** A request that must be refused. */
export interface Attack {
  readonly name: string;
  /** Makes the lines of the Authorization header. */
  readonly lines: (rig: Rig, context: AttackContext) => readonly string[];
  /** The reason of the refusal. Default: INVALID_TOKEN. */
  readonly reason?: 'TOKEN_REQUIRED' | 'INVALID_TOKEN';
  /** The headers exceed the limit of a server, so the token is not read. */
  readonly tooLarge?: boolean;
}

/** An attack with a token alone. */
export function forged(
  name: string,
  make: (rig: Rig, context: AttackContext) => string,
  more: Partial<Attack> = {},
): Attack {
  return { name, lines: (rig, context) => [`Bearer ${make(rig, context)}`], ...more };
}

/** The three segments of a token. */
export function split(token: string): [string, string, string] {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
}
