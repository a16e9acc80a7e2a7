import { stringifySetCookie } from 'cookie';
import { type CookieNames } from '#kit/browser/cookies.ts';
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

function write(names: CookieNames, name: string, value: string, maxAge: number): string {
  return stringifySetCookie({
    name,
    value,
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: names.secure,
    maxAge,
  });
}
