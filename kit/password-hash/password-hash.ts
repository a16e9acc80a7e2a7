/** Why an imported password hash is rejected. */
export interface HashFault {
  readonly reason: 'HASH_UNSUPPORTED' | 'HASH_MALFORMED' | 'HASH_TOO_COSTLY';
  /** Description, without any part of the hash. */
  readonly description: string;
}

/**
 * Upper bounds. The parameters of an imported hash determine the cost of checking it, and any client that knows the email
 * can trigger a check. At these bounds a check takes about a second of one core. Usual parameters are far lower.
 */
const maximum = { bcryptCost: 14, memory: 131_072, passes: 10, lanes: 16 };
/** Lower bounds, in bytes. RFC 9106 section 3.1 allows 8 and 4, but one password in 4,000 million matches a 4-byte hash. */
const minimum = { bcryptCost: 4, salt: 8, hash: 16 };

// The last characters of salt and hash encode fewer bits. If the unused bits are set, no password matches.
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;
const argon2id =
  /^\$argon2id\$v=(?:16|19)\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * Checks an imported password hash: it must be a complete bcrypt hash or Argon2id PHC string within the cost limits.
 * Returns undefined if it is valid.
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
  if (cost < minimum.bcryptCost) {
    return { reason: 'HASH_MALFORMED', description: 'is not a valid bcrypt hash ($2a$, $2b$ or $2y$)' };
  }
  if (cost <= maximum.bcryptCost) return undefined;
  return { reason: 'HASH_TOO_COSTLY', description: `must have a bcrypt cost of at most ${maximum.bcryptCost}` };
}

function faultOfArgon2id(hash: string): HashFault | undefined {
  const [, m, t, p, salt = '', output = ''] = argon2id.exec(hash) ?? [];
  const memory = Number(m);
  const lanes = Number(p);
  // RFC 9106 section 3.1: at least 8 KiB per lane.
  if (p === undefined || memory < 8 * lanes || bytesOf(salt) < minimum.salt || bytesOf(output) < minimum.hash) {
    return { reason: 'HASH_MALFORMED', description: 'is not a valid Argon2id PHC string' };
  }
  if (memory <= maximum.memory && Number(t) <= maximum.passes && lanes <= maximum.lanes) return undefined;
  return {
    reason: 'HASH_TOO_COSTLY',
    description: `must have Argon2id parameters of at most m=${maximum.memory} (KiB), t=${maximum.passes} and p=${maximum.lanes}`,
  };
}

/** Returns the number of bytes in canonical base64 without padding; 0 if it is not canonical. */
function bytesOf(text: string): number {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text ? bytes.length : 0;
}
