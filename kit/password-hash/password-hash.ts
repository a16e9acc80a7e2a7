/** Why a password's hash from elsewhere is not taken. */
export interface HashFault {
  readonly reason: 'HASH_UNSUPPORTED' | 'HASH_MALFORMED' | 'HASH_TOO_COSTLY';
  /** The same in words, without any of the hash. */
  readonly description: string;
}

// A hash from elsewhere says how much work it is to check, and anybody who knows its email can have it checked: at these
// bounds that is about a second of one core. Those that systems make by default are far below.
const most = { bcryptCost: 14, memory: 131_072, passes: 10, lanes: 16 };
/** Bytes; RFC 9106 section 3.1 has 8 and 4, but a hash of 4 fits one password in 4,000 million. */
const least = { bcryptCost: 4, salt: 8, hash: 16 };

// The last characters of salt and hash stand for fewer bits than others; with the spare ones set, no password fits.
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;
const argon2id =
  /^\$argon2id\$v=(?:16|19)\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * Tells why a password's hash from elsewhere cannot be taken; undefined where it can: bcrypt's, or Argon2id's as a PHC
 * string, whole, and not so costly to check that others would wait for it.
 */
export function faultOfHash(hash: string): HashFault | undefined {
  if (/^\$2[abxy]?\$/.test(hash)) return faultOfBcrypt(hash);
  if (hash.startsWith('$argon2id$')) return faultOfArgon2id(hash);
  return {
    reason: 'HASH_UNSUPPORTED',
    description: 'must be a bcrypt hash ($2a$, $2b$ or $2y$) or an Argon2id hash ($argon2id$)',
  };
}

function faultOfBcrypt(hash: string): HashFault | undefined {
  const cost = Number(bcrypt.exec(hash)?.[1] ?? 0);
  if (cost < least.bcryptCost) {
    return { reason: 'HASH_MALFORMED', description: 'is not a whole bcrypt hash of the kinds $2a$, $2b$ and $2y$' };
  }
  if (cost <= most.bcryptCost) return undefined;
  return { reason: 'HASH_TOO_COSTLY', description: `must have a bcrypt cost of at most ${most.bcryptCost}` };
}

function faultOfArgon2id(hash: string): HashFault | undefined {
  const [, m, t, p, salt = '', output = ''] = argon2id.exec(hash) ?? [];
  const memory = Number(m);
  const lanes = Number(p);
  // RFC 9106 section 3.1: at least 8 KiB a lane.
  if (p === undefined || memory < 8 * lanes || bytesOf(salt) < least.salt || bytesOf(output) < least.hash) {
    return { reason: 'HASH_MALFORMED', description: 'is not a whole Argon2id hash in the form of a PHC string' };
  }
  if (memory <= most.memory && Number(t) <= most.passes && lanes <= most.lanes) return undefined;
  return {
    reason: 'HASH_TOO_COSTLY',
    description: `must have at most m=${most.memory} (KiB), t=${most.passes} and p=${most.lanes} of Argon2id`,
  };
}

/** How many bytes a text of base64 without padding stands for; 0 where it is not the one spelling of them. */
function bytesOf(text: string): number {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text ? bytes.length : 0;
}
