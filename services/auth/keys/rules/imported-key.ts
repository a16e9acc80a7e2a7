import { calculateJwkThumbprint, type JWK } from 'jose';
import { createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { hasRocaFingerprint } from '#kit/guard/roca.ts';
import { PrivateKeyError, readPrivatePem } from '#kit/identity/private-pem.ts';
import type { MasterKey } from '../../secrets/public.ts';
import { failure } from '../../reasons.ts';
import { assertOurs, contextOf, type SigningAlgorithm, type StoredKey } from './signing-key.ts';

/** Kinds of keys by algorithm, as Node names them. */
const kinds: Readonly<Record<SigningAlgorithm, { type: string; curve?: string; name: string } | undefined>> = {
  RS256: { type: 'rsa', name: 'an RSA key' },
  PS256: { type: 'rsa', name: 'an RSA key' },
  ES256: { type: 'ec', curve: 'prime256v1', name: 'an EC key on the curve P-256' },
  EdDSA: { type: 'ed25519', name: 'an Ed25519 key' },
  // Its key is no key pair.
  HS256: undefined,
};

/**
 * Makes a signing key of a private key in PEM and seals it like a generated one.
 * @throws INVALID_ARGUMENT naming the field `pem` if the key is encrypted, weak, damaged, or unfit for `alg`
 */
export async function importSigningKey(pem: string, alg: SigningAlgorithm, master: MasterKey): Promise<StoredKey> {
  const key = readKey(pem);
  const fault = faultOf(key, alg);
  if (fault !== undefined) throw invalid(fault);
  const bare = createPublicKey(key).export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(bare);
  const sealedPrivate = master.seal(Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })), contextOf(kid));
  const stored: StoredKey = { kid, alg, publicJwk: { ...bare, use: 'sig', alg, kid }, sealedPrivate };
  try {
    // The same rules as at every start: a key that they refuse must not become the next one.
    await assertOurs(stored, master);
  } catch (cause) {
    throw invalid(`Verifiers would reject the key for ${alg}.`, cause);
  }
  return stored;
}

function readKey(pem: string): KeyObject {
  try {
    return readPrivatePem(pem);
  } catch (error) {
    if (error instanceof PrivateKeyError) throw invalid(error.message);
    throw error;
  }
}

function faultOf(key: KeyObject, alg: SigningAlgorithm): string | undefined {
  const kind = kinds[alg];
  if (!kind) return `SIGNET_ALG is ${alg}, which has no key pair.`;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type !== kind.type || (kind.curve !== undefined && details.namedCurve !== kind.curve)) {
    return `SIGNET_ALG is ${alg}, which needs ${kind.name}.`;
  }
  return (type === 'rsa' ? faultOfRsa(key) : undefined) ?? (isPair(key) ? undefined : 'The private key is damaged.');
}

function faultOfRsa(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2_048) return `The RSA key has ${modulusLength} bits; it needs at least 2048.`;
  if (modulusLength > 8_192) return `The RSA key has ${modulusLength} bits; it may have at most 8192.`;
  if (publicExponent < 65_537n) return 'The public exponent of the RSA key must be at least 65537.';
  const { n = '' } = createPublicKey(key).export({ format: 'jwk' });
  const isRoca = hasRocaFingerprint(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`));
  return isRoca
    ? 'The RSA key can be factored: it comes from a device with the fault ROCA (CVE-2017-15361).'
    : undefined;
}

/** Whether the public part verifies what the private part signs: the parts of a damaged key differ. */
function isPair(key: KeyObject): boolean {
  const data = randomBytes(32);
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  try {
    return verify(digest, data, createPublicKey(key), sign(digest, data, key));
  } catch {
    return false;
  }
}

function invalid(description: string, cause?: unknown) {
  return failure('INVALID_ARGUMENT', {
    fields: [{ field: 'pem', description, reason: 'KEY_INVALID' }],
    detail: description,
    cause,
  });
}
