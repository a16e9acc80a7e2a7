import { stringifySetCookie } from 'cookie';
import { type CookieNames } from '#kit/browser/cookies.ts';
import { deviceTokenLife } from '../domain/device-token.ts';
import type { IssuedTokens } from '../domain/tokens.ts';

/** Puts tokens where no script can read them. */
export function setTokenCookies(header: Headers, names: CookieNames, tokens: IssuedTokens): void {
  header.append('set-cookie', write(names, names.access, tokens.accessToken, tokens.expiresIn));
  header.append('set-cookie', write(names, names.refresh, tokens.refreshToken, tokens.sessionExpiresIn));
}

/** Takes them away again. */
export function clearTokenCookies(header: Headers, names: CookieNames): void {
  header.append('set-cookie', write(names, names.access, '', 0));
  header.append('set-cookie', write(names, names.refresh, '', 0));
}

/**
 * Puts a device token where no script can read it. Lax, unlike the tokens: a sign-in that begins on another site's page
 * is still on a known device, and the token authenticates nobody.
 */
export function setDeviceCookie(header: Headers, names: CookieNames, deviceToken: string): void {
  header.append('set-cookie', write(names, names.device, deviceToken, deviceTokenLife, 'lax'));
}

function write(
  names: CookieNames,
  name: string,
  value: string,
  maxAge: number,
  sameSite: 'strict' | 'lax' = 'strict',
): string {
  return stringifySetCookie({
    name,
    value,
    path: '/',
    httpOnly: true,
    sameSite,
    secure: names.secure,
    maxAge,
  });
}
