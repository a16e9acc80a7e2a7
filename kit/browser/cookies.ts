import { parseCookie } from 'cookie';

/** What the cookies of a deployment are called, and whether they need TLS. */
export interface CookieNames {
  /** Holds the access token. */
  readonly access: string;
  /** Holds the refresh token. */
  readonly refresh: string;
  readonly secure: boolean;
}

/**
 * The cookies of a deployment that users reach at `issuer`. Browsers keep neither
 * Secure nor __Host- cookies from plain HTTP, so on http://localhost, and only
 * there, both are dropped.
 */
export function cookieNames(issuer: string): CookieNames {
  const { protocol, hostname } = new URL(issuer);
  const local =
    hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1' || hostname === '[::1]';
  const secure = !(protocol === 'http:' && local);
  const prefix = secure ? '__Host-' : '';
  return { access: `${prefix}signet_at`, refresh: `${prefix}signet_rt`, secure };
}

/** The value of a cookie; undefined where it is absent or empty. */
export function readCookie(header: Headers, name: string): string | undefined {
  const line = header.get('cookie');
  // As it came: our tokens need no encoding, and decoded it could be what no header may carry.
  return (line === null ? undefined : parseCookie(line, { decode: (value) => value })[name]) || undefined;
}
