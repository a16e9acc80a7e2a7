import { type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { currentCall } from '#kit/rpc/call.ts';
import type { Source } from '../domain/model.ts';

/**
 * Where the call under way comes from: its address, and the device token that came with it.
 * @param deviceToken the one in the message, which goes before the cookie
 */
export function sourceOf(header: Headers, cookies: CookieNames, deviceToken?: string): Source {
  return { ip: currentCall()?.address ?? '', deviceToken: deviceToken ?? readCookie(header, cookies.device) };
}
