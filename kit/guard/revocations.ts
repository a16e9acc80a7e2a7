/** What of a token a revocation can name. */
export interface Revocable {
  readonly sub: string;
  readonly jti: string;
  /** When it was issued, in seconds since 1970. */
  readonly iat: number;
  /** The key that signed it. */
  readonly kid: string;
  readonly roles: readonly string[];
  /** The session; a service's token has none. */
  readonly sid?: string;
}

/** What is known of revocations in this process. Asked on every use of a token, so it must be quick. */
export interface Revocations {
  isRevoked(token: Revocable): boolean;
  /** Seconds since revocations were last heard of; Infinity before the first time. */
  age(): number;
}
