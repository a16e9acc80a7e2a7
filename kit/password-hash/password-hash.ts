import type { HashFault, HashFormat, ReadHash } from './format.ts';
import { argon2Format } from './formats/argon2.ts';
import { bcryptFormat, djangoBcryptFormat, wordPressFormat } from './formats/bcrypt.ts';
import { phpassFormat, shaCryptFormat } from './formats/crypt.ts';
import { pbkdf2Format } from './formats/pbkdf2.ts';
import { firebaseFormat, scryptFormat } from './formats/scrypt.ts';

export type { HashFault } from './format.ts';

/** The supported formats: what can be imported, and what a sign-in can check. */
export const formats: readonly HashFormat[] = [
  argon2Format,
  bcryptFormat,
  djangoBcryptFormat,
  wordPressFormat,
  pbkdf2Format,
  scryptFormat,
  firebaseFormat,
  phpassFormat,
  shaCryptFormat,
];

/**
 * Checks an imported password hash: it must be complete, in a supported format, and within the cost limits. The parameters
 * of an imported hash determine the cost of checking it, and any client that knows the email can trigger a check.
 * Returns undefined if it is valid.
 */
export function faultOfHash(hash: string): HashFault | undefined {
  const format = formatOf(hash);
  if (!format) return { reason: 'HASH_UNSUPPORTED', description: 'is of no supported format (docs/importing.md)' };
  const read = format.read(hash);
  return read ? read.excess : { reason: 'HASH_MALFORMED', description: `is not a valid hash (${format.name})` };
}

/** Reads a hash, however costly a check is; undefined if it is malformed or unsupported. */
export function readHash(hash: string): ReadHash | undefined {
  return formatOf(hash)?.read(hash);
}

function formatOf(hash: string): HashFormat | undefined {
  return formats.find(({ claims }) => claims.test(hash));
}
