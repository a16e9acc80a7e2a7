import { cookie, type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { currentCall } from '#kit/call/call.ts';
import { currentActor } from '../audit/public.ts';
import { deviceTokenLife } from './rules/device-token.ts';
import type { Source } from './rules/source.ts';

/**
 * The source of the current call: its address and device token.
 * @param deviceToken the token in the message; takes precedence over the cookie
 */
export function sourceOf(header: Headers, cookies: CookieNames, deviceToken?: string): Source {
  const signal = currentCall()?.signal;
  return { ...currentActor(), signal, deviceToken: deviceToken ?? readCookie(header, cookies.device) };
}

/**
 * Sets the device token as an HttpOnly cookie. SameSite=Lax, unlike the session's cookies: a sign-in that starts on
 * another site's page must still find the device token, which does not authenticate.
 */
export function setDeviceCookie(header: Headers, names: CookieNames, deviceToken: string): void {
  header.append('set-cookie', cookie(names, names.device, deviceToken, deviceTokenLife, 'lax'));
}
