import type { ServerTime } from './server-time.ts';

/** Claims of a token that a revocation can refer to. */
export interface Revocable {
  readonly sub: string;
  readonly jti: string;
  /** When the token was issued, in seconds since 1970. */
  readonly iat: number;
  /** Id of the key that signed the token. */
  readonly kid: string;
  readonly roles: readonly string[];
  /** Id of the session. A service's token has none. */
  readonly sid?: string;
}

/** The revocations known to this process. Checked on every use of a token, so it must be fast. */
export interface Revocations {
  isRevoked(token: Revocable): boolean;
  /** Returns the age of the data in seconds; Infinity before the first load. */
  age(): number;
  /** The auth service's time, by which the guard judges tokens. Default: this machine's. */
  readonly time?: Pick<ServerTime, 'now' | 'skew'>;
}
