import { compactVerify } from 'jose';
import { readCanonical, type TokenForm } from './canonical.ts';
import { invalidToken } from './error.ts';
import type { KeySource } from './keys.ts';

/** A token whose signature is good. Its claims have yet to be looked at. */
export interface SignedToken {
  readonly payload: Uint8Array;
  readonly kid: string;
  readonly alg: string;
  /** The key that verified it. */
  readonly key: CryptoKey;
}

/**
 * Verifies a compact JWS: canonical form, then the key, then the signature.
 * Throws INVALID_TOKEN, or KEYS_UNAVAILABLE where the key cannot be had.
 */
export async function verifySignature(token: string, form: TokenForm, keys: KeySource): Promise<SignedToken> {
  const { kid, alg } = readCanonical(token, form);
  const key = keys.held(kid, alg) ?? (await keys.get(kid, alg));
  if (!key) throw invalidToken('no key has this kid and alg');
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [alg] });
    return { payload, kid, alg, key };
  } catch (error) {
    throw invalidToken('the signature is not good', error);
  }
}
