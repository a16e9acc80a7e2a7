import { stringifySetCookie } from 'cookie';
import { trimWhitespace } from '#kit/guard/whitespace.ts';

/** What the cookies of a deployment are called, and whether they need TLS. */
export interface CookieNames {
  /** Holds the access token. */
  readonly access: string;
  /** Holds the refresh token. */
  readonly refresh: string;
  /** Holds the token of a known device. */
  readonly device: string;
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
  return {
    access: cookieName('signet_at', secure),
    refresh: cookieName('signet_rt', secure),
    device: cookieName('signet_device', secure),
    secure,
  };
}

/** The name of a cookie that the contract names: with __Host- wherever cookies are Secure. */
export function cookieName(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name;
}

/**
 * A Set-Cookie value for the whole host, which no script can read.
 * @param maxAge s; 0 takes the cookie away
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
 * The value of a cookie; undefined where it is absent, empty, or there twice. A
 * browser sends two of one name where somebody else, on a host of the same site,
 * planted one beside ours, and does not say which is whose (RFC 6265 section 5.4
 * puts the longer path and the older one first); so neither is taken. Of __Host-
 * cookies there are never two.
 */
export function readCookie(header: Headers, name: string): string | undefined {
  const all = header.get('cookie') ?? '';
  // Taken apart only where there may be something: that costs twenty times as much as to look.
  if (!all.includes(`${name}=`)) return undefined;
  const values = all
    .split(';')
    // Browsers pass on other kinds of space as part of a name; trim() would make ours of such a name.
    .map(trimWhitespace)
    .filter((pair) => pair.startsWith(`${name}=`))
    // As it came: our tokens need no encoding, and decoded it could be what no header may carry.
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] || undefined : undefined;
}
