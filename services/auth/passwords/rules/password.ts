import { isCommonPassword } from './common-passwords.ts';
import { failure } from '../../reasons.ts';

const longest = 256;

/** The one form of a password that is hashed and compared (NIST 800-63B-4 section 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize('NFKC');
}

/**
 * Refuses passwords that cannot be used. Composition does not matter.
 * @param min least number of characters (code points)
 * @param field what the request calls it
 * @returns the password in the form to hash
 * @throws PASSWORD_REJECTED saying why, in words
 */
export function acceptPassword(
  password: string,
  min: number,
  about: { email: string; name: string },
  field = 'password',
): string {
  const reject = (description: string) => failure('PASSWORD_REJECTED', { fields: [{ field, description }] });
  const normal = normalizePassword(password);
  const length = Array.from(normal).length;
  if (length < min) throw reject(`must have at least ${min} characters`);
  if (length > longest) throw reject(`must have at most ${longest} characters`);
  // Decoders put it where bytes were no text: different passwords would come out equal.
  if (normal.includes('\uFFFD')) throw reject('must not have the replacement character U+FFFD in it');
  const folded = normal.toLowerCase();
  if (folded === about.email.toLowerCase() || folded === about.email.split('@')[0]?.toLowerCase()) {
    throw reject('must not be your email');
  }
  if (folded === about.name.normalize('NFKC').toLowerCase()) throw reject('must not be your name');
  if (isCommonPassword(folded)) throw reject('is among the passwords that guessers try first');
  return normal;
}
