import { hash as digest, timingSafeEqual } from 'node:crypto';
import { encode64, itoa64 } from './itoa64.ts';

/** Whether a password matches a complete hash of phpass (openwall.com/phpass, crypt_private). */
export function matchesPhpass(hash: string, password: string): boolean {
  return timingSafeEqual(Buffer.from(phpassOf(hash, password)), Buffer.from(hash));
}

/** Hashes a password with the settings of a hash: its first 12 characters. */
function phpassOf(settings: string, password: string): string {
  const salt = settings.slice(4, 12);
  const bytes = Buffer.from(password);
  let output = digest('md5', Buffer.concat([Buffer.from(salt), bytes]), 'buffer');
  for (let left = 2 ** itoa64.indexOf(settings[3] ?? ''); left > 0; left -= 1) {
    output = digest('md5', Buffer.concat([output, bytes]), 'buffer');
  }
  // Groups of three bytes, the first byte lowest.
  const groups = Array.from({ length: 6 }, (_, at) => Array.from(output.subarray(at * 3, at * 3 + 3)).toReversed());
  return settings.slice(0, 12) + groups.map(encode64).join('');
}
