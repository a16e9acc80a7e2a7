import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Macs } from '../../secrets/public.ts';

/** How long a device stays known without a sign-in, s: 180 days. */
export const deviceTokenLife = 180 * 24 * 60 * 60;

/**
 * Tokens that identify a device which an account has been signed in on: `sd1.<device>.<expiry>.<mac>`. The MAC also
 * covers the account, so a token is worth nothing for another one. It authenticates nobody: it gives its device tries of
 * a password that strangers cannot use up. Nothing of it is stored.
 */
export interface DeviceTokens {
  /** Issues a token for the account, for a new device unless `deviceId` says which. */
  issue(userId: string, deviceId?: string): string;
  /**
   * The device of a token. Undefined where it is altered, expired, another account's, or not in its only spelling.
   * @param from tokens that were issued before it do not count
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
      // Compared as text: 43 characters hold two bits more than 32 bytes, and only one of the spellings is ours.
      const expected = Buffer.from(macOf(userId, deviceId, expiry));
      const given = Buffer.from(mac);
      const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
      // In whole seconds, as tokens are issued.
      const isRecent = from === null || expiry - deviceTokenLife >= Math.floor(from.getTime() / 1_000);
      return isGenuine && isRecent && expiry > seconds() ? deviceId : undefined;
    },
  };
}
