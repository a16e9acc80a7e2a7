import { isCommonPassword } from './common-passwords.ts';
import { failure } from '../../reasons.ts';

const maxLength = 256;

/** The normalized form of a password that is hashed and compared (NIST 800-63B-4 section 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize('NFKC');
}

/**
 * Checks a new password. There are no composition rules.
 * @param min minimum number of characters (code points)
 * @param field name of the request's field
 * @returns the normalized password
 * @throws PASSWORD_REJECTED with the reason
 */
export function acceptPassword(
  password: string,
  min: number,
  about: { email: string; name: string },
  field = 'password',
): string {
  const reject = (description: string, reason: string) =>
    failure('PASSWORD_REJECTED', { fields: [{ field, description, reason }] });
  const normal = normalizePassword(password);
  const length = Array.from(normal).length;
  if (length < min) throw reject(`must have at least ${min} characters`, 'TOO_SHORT');
  if (length > maxLength) throw reject(`must have at most ${maxLength} characters`, 'TOO_LONG');
  // Decoders replace invalid bytes by U+FFFD, so different passwords would be equal.
  if (normal.includes('\uFFFD'))
    throw reject('must not contain the replacement character U+FFFD', 'REPLACEMENT_CHARACTER');
  const folded = normal.toLowerCase();
  if (folded === about.email.toLowerCase() || folded === about.email.split('@')[0]?.toLowerCase()) {
    throw reject('must not be your email', 'IS_EMAIL');
  }
  if (folded === about.name.normalize('NFKC').toLowerCase()) throw reject('must not be your name', 'IS_NAME');
  if (isCommonPassword(folded)) throw reject('is a common password', 'COMMON');
  return normal;
}
