import { excessOf, type HashFormat } from '../format.ts';
import { itoa64 } from '../crypt/itoa64.ts';
import { runIterated } from '../crypt/pool.ts';

/** Maximum iterations of phpass, as a binary logarithm. WordPress uses 13. */
const maximumLogarithm = 19;
/** Maximum rounds of SHA-crypt: passlib's default is 656,000. */
const maximumRounds = 700_000;

// The last character encodes fewer bits; if the unused ones are set, no password matches.
const wholePhpass = /^\$[PH]\$([./0-9A-Za-z])[./0-9A-Za-z]{8}[./0-9A-Za-z]{21}[./01]$/;

/** phpass's portable hashes, of WordPress before 6.8 (`$P$`) and phpBB (`$H$`): iterated MD5. */
export const phpassFormat: HashFormat = {
  name: 'phpass',
  claims: /^\$[PH]\$/,
  read(hash) {
    const logarithm = itoa64.indexOf(wholePhpass.exec(hash)?.[1] ?? '.');
    // phpass refuses others.
    if (logarithm < 7 || logarithm > 30) return undefined;
    return {
      excess: excessOf(logarithm <= maximumLogarithm, `must have at most 2^${maximumLogarithm} phpass iterations`),
      verify: (password) => runIterated({ algorithm: 'phpass', hash, password }),
    };
  },
};

const wholeShaCrypt =
  /^\$(?:5\$(?:rounds=([1-9]\d{3,8})\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{42}[./0-9A-D]|6\$(?:rounds=([1-9]\d{3,8})\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{85}[./01])$/;

/** SHA-crypt of glibc: SHA-256 (`$5$`) and SHA-512 (`$6$`). */
export const shaCryptFormat: HashFormat = {
  name: 'SHA-crypt ($5$, $6$)',
  claims: /^\$[56]\$/,
  read(hash) {
    const found = wholeShaCrypt.exec(hash);
    if (!found) return undefined;
    const rounds = Number(found[1] ?? found[2] ?? 5_000);
    return {
      excess: excessOf(rounds <= maximumRounds, `must have at most ${maximumRounds} rounds of SHA-crypt`),
      verify: (password) => runIterated({ algorithm: 'sha-crypt', hash, password }),
    };
  },
};
