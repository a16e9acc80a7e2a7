import * as argon2 from '@node-rs/argon2';
import { bytesOf, excessOf, type HashFormat, minimum } from '../format.ts';

/** Upper limits: memory in KiB, passes, lanes. A check at these takes about a second of one core. */
const maximum = { memory: 131_072, passes: 10, lanes: 16 };

const whole =
  /^\$argon2(?:id|i)\$v=(?:16|19)\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Argon2id and Argon2i as PHC strings, versions 1.0 and 1.3. Argon2d resists side channels least and is not supported. */
export const argon2Format: HashFormat = {
  name: 'Argon2id, Argon2i',
  claims: /^\$argon2(?:id|i)\$/,
  read(hash) {
    const [, m, t, p, salt = '', output = ''] = whole.exec(hash) ?? [];
    const [memory, lanes] = [Number(m), Number(p)];
    if (!bytesOf(salt, minimum.argon2Salt) || !bytesOf(output, minimum.hash)) return undefined;
    // RFC 9106 section 3.1: at least 8 KiB per lane.
    if (memory < 8 * lanes) return undefined;
    const isWithin = memory <= maximum.memory && Number(t) <= maximum.passes && lanes <= maximum.lanes;
    return {
      excess: excessOf(
        isWithin,
        `must have Argon2 parameters of at most m=${maximum.memory} (KiB), t=${maximum.passes} and p=${maximum.lanes}`,
      ),
      verify: (password) => argon2.verify(hash, password),
    };
  },
};
