import { encoded } from './base64.ts';

/** The parts of a hash of Firebase's scrypt, in the account and in the project. */
export interface FirebaseParts {
  /** Binary logarithm of N (`mem_cost`). */
  readonly ln: string;
  /** r (`rounds`). */
  readonly r: string;
  readonly p: string;
  readonly salt: Buffer;
  readonly separator: Buffer;
  readonly signerKey: Buffer;
  readonly hash: Buffer;
}

/**
 * Translates a hash of Firebase's scrypt into one without the project's signer key, which is the same in every account
 * and also protects the hashes that remain at Firebase (kit/password-hash/formats/scrypt.ts).
 * Returns undefined if the hash does not have the signer key's length, or has no salt.
 */
export function firebaseHash({ ln, r, p, salt, separator, signerKey, hash }: FirebaseParts): string | undefined {
  if (salt.length === 0 || hash.length === 0 || hash.length !== signerKey.length) return undefined;
  const keystream = hash.map((byte, at) => byte ^ (signerKey[at] ?? 0));
  return `$firebase-scrypt$ln=${ln},r=${r},p=${p}$${encoded(Buffer.concat([salt, separator]))}$${encoded(keystream)}`;
}
