/** Why an imported password hash is rejected. */
export interface HashFault {
  readonly reason: 'HASH_UNSUPPORTED' | 'HASH_MALFORMED' | 'HASH_TOO_COSTLY';
  /** Description, without any part of the hash. */
  readonly description: string;
}

/** A complete hash. */
export interface ReadHash {
  /** Set if a check costs more than the limits allow. */
  readonly excess: HashFault | undefined;
  /** The part of a password that counts; unset: all of it. */
  readonly counted?: (password: string) => string;
  /** Whether a password matches. Computes off the event loop; the caller bounds the concurrency. */
  verify(password: string): Promise<boolean>;
}

/** A format of password hashes. */
export interface HashFormat {
  /** Name in messages. */
  readonly name: string;
  /** Recognizes the hashes that are meant to have this format, complete or not. */
  readonly claims: RegExp;
  /** Parses a hash; undefined if it is malformed. */
  read(hash: string): ReadHash | undefined;
}

/**
 * Minimum sizes, bytes. An empty hash would match every password, and one password in 4,000 million matches a hash of
 * 4 bytes. Argon2 requires a salt of 8 (RFC 9106 section 3.1); other products have shorter ones.
 */
export const minimum = { hash: 16, salt: 4, argon2Salt: 8 };

/** The fault of a hash above a limit; undefined if it is within. @param description completes "password_hash ..." */
export function excessOf(isWithin: boolean, description: string): HashFault | undefined {
  return isWithin ? undefined : { reason: 'HASH_TOO_COSTLY', description };
}

/** Decodes canonical base64 without padding; undefined if it is not canonical or shorter than `least` bytes. */
export function bytesOf(text: string, least: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length < least || bytes.toString('base64').replace(/=+$/, '') !== text) return undefined;
  return bytes;
}
