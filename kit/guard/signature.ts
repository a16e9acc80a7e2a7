import { compactVerify } from 'jose';
import { readCanonical, type TokenForm } from './canonical.ts';
import { invalidToken } from './error.ts';
import type { KeySource } from './keys.ts';

/** A token whose signature is valid. Its claims are not checked yet. */
export interface SignedToken {
  readonly payload: Uint8Array;
  readonly kid: string;
  readonly alg: string;
  /** The key that verified the signature. */
  readonly key: CryptoKey;
}

/**
 * Verifies a compact JWS: canonical form, then key, then signature.
 * @throws INVALID_TOKEN
 * @throws KEYS_UNAVAILABLE if the key cannot be loaded
 */
export async function verifySignature(token: string, form: TokenForm, keys: KeySource): Promise<SignedToken> {
  const { kid, alg } = readCanonical(token, form);
  const key = keys.held(kid, alg) ?? (await keys.get(kid, alg));
  if (!key) throw invalidToken('no key with this kid and alg');
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [alg] });
    return { payload, kid, alg, key };
  } catch (error) {
    throw invalidToken('invalid signature', error);
  }
}
