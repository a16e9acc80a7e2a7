import { cookie, type CookieNames } from '#kit/browser/cookies.ts';
import type { IssuedTokens } from '../rules/tokens.ts';

/** Sets the tokens as HttpOnly cookies. */
export function setTokenCookies(header: Headers, names: CookieNames, tokens: IssuedTokens): void {
  header.append('set-cookie', cookie(names, names.access, tokens.accessToken, tokens.expiresIn));
  header.append('set-cookie', cookie(names, names.refresh, tokens.refreshToken, tokens.sessionExpiresIn));
}

/** Deletes the token cookies. */
export function clearTokenCookies(header: Headers, names: CookieNames): void {
  header.append('set-cookie', cookie(names, names.access, '', 0));
  header.append('set-cookie', cookie(names, names.refresh, '', 0));
}
