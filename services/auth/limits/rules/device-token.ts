import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Macs } from '../../secrets/public.ts';

/** How long a device stays known without a sign-in, s: 180 days. */
export const deviceTokenLife = 180 * 24 * 60 * 60;

/**
 * Device tokens identify a device on which an account signed in: `sd1.<device>.<expiry>.<mac>`. The MAC also covers the
 * account, so the token is invalid for any other account. It does not authenticate; it gives the device a separate limit
 * of password attempts, which attackers cannot use up. Tokens are not stored.
 */
export interface DeviceTokens {
  /** Issues a token for an account, by default for a new device. */
  issue(userId: string, deviceId?: string): string;
  /**
   * The device of a token. Undefined if the token is altered, expired, not canonical, or belongs to another account.
   * @param from tokens issued before this time are invalid
   */
  verify(userId: string, token: string | undefined, from: Date | null): string | undefined;
}

const form = /^sd1\.([A-Za-z0-9_-]{22})\.([1-9]\d{9,10})\.([A-Za-z0-9_-]{43})$/;

/** Creates the issuer of device tokens. */
export function createDeviceTokens(macs: Macs, clock: () => number): DeviceTokens {
  const macOf = (userId: string, deviceId: string, expiry: number) =>
    macs.mac('device', JSON.stringify([userId, deviceId, expiry])).toString('base64url');
  const seconds = () => Math.floor(clock() / 1_000);

  return {
    issue(userId, deviceId = randomBytes(16).toString('base64url')) {
      const expiry = seconds() + deviceTokenLife;
      return `sd1.${deviceId}.${expiry}.${macOf(userId, deviceId, expiry)}`;
    },
    verify(userId, token = '', from) {
      const [, deviceId = '', written = '', mac = ''] = form.exec(token) ?? [];
      const expiry = Number(written);
      // Compares text, because 43 base64url characters have two spare bits and only one encoding is canonical.
      const expected = Buffer.from(macOf(userId, deviceId, expiry));
      const given = Buffer.from(mac);
      const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
      // Tokens have times in whole seconds.
      const isRecent = from === null || expiry - deviceTokenLife >= Math.floor(from.getTime() / 1_000);
      return isGenuine && isRecent && expiry > seconds() ? deviceId : undefined;
    },
  };
}
