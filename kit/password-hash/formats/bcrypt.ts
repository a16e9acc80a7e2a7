import * as bcrypt from '@node-rs/bcrypt';
import { createHash, createHmac } from 'node:crypto';
import { excessOf, type HashFormat, type ReadHash } from '../format.ts';
import { trimmed } from '../trim.ts';

/** Limits of the cost, the binary logarithm of the iterations. A check at 14 takes about a second of one core. */
const cost = { minimum: 4, maximum: 14 };

// The last characters of salt and hash encode fewer bits. If the unused bits are set, no password matches.
const whole = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;

/**
 * bcrypt reads at most this many bytes, and none after a NUL. A password that bcrypt would truncate never matches
 * (NIST 800-63B-4 section 3.1.1.2), because another password with the same start could then replace the hash.
 */
const bcryptReads = 72;

/** bcrypt: `$2a$`, `$2b$` and `$2y$`. */
export const bcryptFormat: HashFormat = {
  name: 'bcrypt',
  claims: /^\$2[abxy]?\$/,
  read: (hash) =>
    readBcrypt(hash, async (password) => {
      const isRead = Buffer.byteLength(password) <= bcryptReads && !password.includes('\0');
      return (await bcrypt.verify(isRead ? password : '', hash)) && isRead;
    }),
};

/** Django's BCryptSHA256PasswordHasher: bcrypt of the SHA-256 digest in hex, so that passwords may be longer. */
export const djangoBcryptFormat: HashFormat = {
  name: "Django's bcrypt_sha256",
  claims: /^bcrypt_sha256\$/,
  read(hash) {
    const inner = hash.slice('bcrypt_sha256$'.length);
    return readBcrypt(inner, (password) => bcrypt.verify(createHash('sha256').update(password).digest('hex'), inner));
  },
};

/** WordPress since 6.8: bcrypt of an HMAC-SHA-384 in base64 (wp_hash_password). */
export const wordPressFormat: HashFormat = {
  name: 'WordPress',
  claims: /^\$wp/,
  read(hash) {
    const inner = hash.slice('$wp'.length);
    const read = readBcrypt(inner, (password) =>
      bcrypt.verify(createHmac('sha384', 'wp-sha384').update(trimmed(password)).digest('base64'), inner),
    );
    return read && { ...read, counted: trimmed };
  },
};

function readBcrypt(hash: string, verify: ReadHash['verify']): ReadHash | undefined {
  const given = Number(whole.exec(hash)?.[1] ?? 0);
  if (given < cost.minimum) return undefined;
  return { excess: excessOf(given <= cost.maximum, `must have a bcrypt cost of at most ${cost.maximum}`), verify };
}
