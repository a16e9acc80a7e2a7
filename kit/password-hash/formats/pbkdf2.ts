import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { bytesOf, excessOf, type HashFormat, minimum } from '../format.ts';

/**
 * Maximum number of iterations times blocks of output: PBKDF2 computes each block separately. A check at the limit takes
 * about a second of one core. Django 6 makes hashes of 1,200,000.
 */
const maximum = 2_000_000;
/** Output of the digests, bytes. */
const blocks: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

const whole =
  /^\$pbkdf2-(sha1|sha256|sha512)\$i=([1-9]\d{0,15})(?:,l=([1-9]\d{0,5}))?\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const derive = promisify(pbkdf2);

/** PBKDF2 (RFC 8018) as a PHC string: `i` iterations; `l`, if set, is the length of the output in bytes. */
export const pbkdf2Format: HashFormat = {
  name: 'PBKDF2',
  claims: /^\$pbkdf2-/,
  read(hash) {
    const [, digest = '', i, l, saltText = '', outputText = ''] = whole.exec(hash) ?? [];
    const [salt, output] = [bytesOf(saltText, minimum.salt), bytesOf(outputText, minimum.hash)];
    if (!salt || !output || (l !== undefined && Number(l) !== output.length)) return undefined;
    const iterations = Number(i);
    const cost = iterations * Math.ceil(output.length / (blocks[digest] ?? 0));
    return {
      excess: excessOf(
        cost <= maximum,
        `must have at most ${maximum} PBKDF2 iterations, counted for each block of ${blocks[digest] ?? 0} bytes of the hash`,
      ),
      verify: async (password) =>
        timingSafeEqual(await derive(password, salt, iterations, output.length, digest), output),
    };
  },
};
