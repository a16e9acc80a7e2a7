import { excessOf, type HashFormat, type ReadHash } from '../format.ts';
import { trimmed } from '../trim.ts';
import { itoa64 } from '../crypt/itoa64.ts';
import { type IteratedCheck, runIterated } from '../crypt/pool.ts';

/** Maximum iterations of phpass, as a binary logarithm. WordPress uses 13. */
const maximumLogarithm = 19;
/** Maximum rounds of SHA-crypt: passlib's default is 656,000. */
const maximumRounds = 700_000;

/**
 * Maximum length of a password, bytes: each iteration reads all of it, so the cost of a check grows with it. A longer one
 * never matches. libxcrypt refuses passwords of 512 bytes.
 */
const maximumPassword = 256;

// The last character encodes fewer bits; if the unused ones are set, no password matches.
const wholePhpass = /^\$[PH]\$([./0-9A-Za-z])[./0-9A-Za-z]{8}[./0-9A-Za-z]{21}[./01]$/;

/**
 * phpass's portable hashes: iterated MD5. `$P$` is WordPress's before 6.8, which trims what was typed; `$H$` is phpBB's, which
 * does not.
 */
export const phpassFormat: HashFormat = {
  name: 'phpass',
  claims: /^\$[PH]\$/,
  read(hash) {
    const logarithm = itoa64.indexOf(wholePhpass.exec(hash)?.[1] ?? '.');
    // phpass refuses others.
    if (logarithm < 7 || logarithm > 30) return undefined;
    return {
      excess: excessOf(logarithm <= maximumLogarithm, `must have at most 2^${maximumLogarithm} phpass iterations`),
      ...(hash.startsWith('$P$') ? trimming(verifier('phpass', hash)) : { verify: verifier('phpass', hash) }),
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
      verify: verifier('sha-crypt', hash),
    };
  },
};

function trimming(verify: ReadHash['verify']): Pick<ReadHash, 'verify' | 'counted'> {
  return { verify: (password) => verify(trimmed(password)), counted: trimmed };
}

function verifier(algorithm: IteratedCheck['algorithm'], hash: string): ReadHash['verify'] {
  return async (password) => {
    const isRead = Buffer.byteLength(password) <= maximumPassword;
    return (await runIterated({ algorithm, hash, password: isRead ? password : '' })) && isRead;
  };
}
