import { cookie, type CookieNames } from '#kit/browser/cookies.ts';
import type { IssuedTokens } from '../rules/tokens.ts';

/** Puts tokens where no script can read them. */
export function setTokenCookies(header: Headers, names: CookieNames, tokens: IssuedTokens): void {
  header.append('set-cookie', cookie(names, names.access, tokens.accessToken, tokens.expiresIn));
  header.append('set-cookie', cookie(names, names.refresh, tokens.refreshToken, tokens.sessionExpiresIn));
}

/** Takes them away again. */
export function clearTokenCookies(header: Headers, names: CookieNames): void {
  header.append('set-cookie', cookie(names, names.access, '', 0));
  header.append('set-cookie', cookie(names, names.refresh, '', 0));
}
