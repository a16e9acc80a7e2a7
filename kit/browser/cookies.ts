import { stringifySetCookie } from 'cookie';
import { trimWhitespace } from '#kit/guard/whitespace.ts';

/** Names of a deployment's cookies, and whether they require TLS. */
export interface CookieNames {
  /** Cookie of the access token. */
  readonly access: string;
  /** Cookie of the refresh token. */
  readonly refresh: string;
  /** Cookie of the device token. */
  readonly device: string;
  readonly secure: boolean;
}

/**
 * Returns the cookie names of a deployment with this issuer URL. Browsers reject
 * Secure and __Host- cookies from plain HTTP, so on http://localhost, and only
 * there, both are omitted.
 */
export function cookieNames(issuer: string): CookieNames {
  const { protocol, hostname } = new URL(issuer);
  const local =
    hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1' || hostname === '[::1]';
  const secure = !(protocol === 'http:' && local);
  return {
    access: cookieName('signet_at', secure),
    refresh: cookieName('signet_rt', secure),
    device: cookieName('signet_device', secure),
    secure,
  };
}

/** Returns the full name of a cookie of the contract: with __Host- if cookies are Secure. */
export function cookieName(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name;
}

/**
 * Returns a Set-Cookie value for the whole host, HttpOnly.
 * @param maxAge in seconds; 0 deletes the cookie
 */
export function cookie(
  { secure }: CookieNames,
  name: string,
  value: string,
  maxAge: number,
  sameSite: 'strict' | 'lax' = 'strict',
): string {
  return stringifySetCookie({ name, value, path: '/', httpOnly: true, sameSite, secure, maxAge });
}

/**
 * Returns the value of a cookie; undefined if it is missing, empty or repeated. A
 * browser sends two cookies of one name if another host of the same site planted
 * one, and does not say which is which (RFC 6265 section 5.4 orders them by path
 * length and age), so both are rejected. __Host- cookies are never repeated.
 */
export function readCookie(header: Headers, name: string): string | undefined {
  const all = header.get('cookie') ?? '';
  // Quick check first: parsing costs twenty times as much.
  if (!all.includes(`${name}=`)) return undefined;
  const values = all
    .split(';')
    // Not trim(): browsers send other whitespace as part of a name, which trim() would turn into ours.
    .map(trimWhitespace)
    .filter((pair) => pair.startsWith(`${name}=`))
    // Not decoded: our tokens need no encoding, and a decoded value might be invalid in a header.
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] || undefined : undefined;
}
