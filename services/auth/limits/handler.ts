import { cookie, type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { currentCall } from '#kit/call/call.ts';
import { currentActor } from '../audit/public.ts';
import { deviceTokenLife } from './rules/device-token.ts';
import type { Source } from './rules/source.ts';

/**
 * Where the call under way comes from: its address, and the device token that came with it.
 * @param deviceToken the one in the message, which goes before the cookie
 */
export function sourceOf(header: Headers, cookies: CookieNames, deviceToken?: string): Source {
  const signal = currentCall()?.signal;
  return { ...currentActor(), signal, deviceToken: deviceToken ?? readCookie(header, cookies.device) };
}

/**
 * Puts a device token where no script can read it. Lax, unlike the tokens: a sign-in that begins on another site's page
 * is still on a known device, and the token authenticates nobody.
 */
export function setDeviceCookie(header: Headers, names: CookieNames, deviceToken: string): void {
  header.append('set-cookie', cookie(names, names.device, deviceToken, deviceTokenLife, 'lax'));
}
