import { importJWK, type JWK } from 'jose';
import { z } from 'zod';
import { type PublicKeyAlgorithm, publicKeyAlgorithms } from './algorithms.ts';
import { hasRocaFingerprint } from './roca.ts';

/** A published key, imported for each algorithm that it may verify. */
export interface PublishedKey {
  /** Key material and algorithms as text, for comparing keys. */
  readonly material: string;
  readonly byAlgorithm: ReadonlyMap<string, CryptoKey>;
}

/** Keys by `kid`. */
export type KeySet = ReadonlyMap<string, PublishedKey>;

/** Maximum number of keys in a set: covers the longest token lifetime at the fastest rotation (services/auth/config.ts). */
export const maxKeys = 400;

const jwkSchema = z.looseObject({ kty: z.string(), kid: z.string().optional() });
const jwksSchema = z.object({ keys: z.array(z.unknown()).max(maxKeys) });
type Jwk = z.infer<typeof jwkSchema>;

// Private and secret members: RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037.
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Reads a JWK set (RFC 7517 section 5). Skips keys that are malformed, not for
 * signatures, weak, or unfit for their algorithm. Unchanged keys are reused from
 * `previous`, as the same objects.
 * @throws Error if the document is not a JWK set, has no usable key, has a private or symmetric key, or has a duplicate
 * `kid`
 */
export async function readKeySet(document: unknown, previous?: KeySet): Promise<KeySet> {
  const parsed = jwksSchema.safeParse(document);
  if (!parsed.success) throw new Error(`not a JWK set (${parsed.error.issues[0]?.message})`);
  const keys = parsed.data.keys.flatMap((entry) => jwkSchema.safeParse(entry).data ?? []);
  if (keys.some((jwk) => jwk.kty === 'oct' || privateMembers.some((name) => Object.hasOwn(jwk, name)))) {
    throw new Error('the JWK set has a private or symmetric key');
  }
  const ids = keys.flatMap(({ kid }) => (kid === undefined ? [] : [kid]));
  if (new Set(ids).size !== ids.length) throw new Error('the JWK set has a duplicate kid');
  const set = new Map<string, PublishedKey>();
  for (const jwk of keys) {
    const known = previous?.get(jwk.kid ?? '');
    const key = known?.material === materialOf(jwk) ? known : await publish(jwk);
    if (jwk.kid !== undefined && jwk.kid !== '' && key) set.set(jwk.kid, key);
  }
  if (set.size === 0) throw new Error('the JWK set has no usable key');
  return set;
}

async function publish(jwk: Jwk): Promise<PublishedKey | undefined> {
  const byAlgorithm = new Map<string, CryptoKey>();
  for (const algorithm of algorithmsOf(jwk)) {
    const key = await importPublic(jwk, algorithm);
    if (key) byAlgorithm.set(algorithm, key);
  }
  return byAlgorithm.size > 0 ? { material: materialOf(jwk), byAlgorithm } : undefined;
}

async function importPublic(jwk: Jwk, algorithm: PublicKeyAlgorithm): Promise<CryptoKey | undefined> {
  const { kty, crv, x, y, n, e } = jwk;
  try {
    return (await importJWK({ kty, crv, x, y, n, e } as JWK, algorithm, { extractable: false })) as CryptoKey;
  } catch {
    // Not a key: for example, a missing member or a point that is not on the curve.
    return undefined;
  }
}

function algorithmsOf(jwk: Jwk): PublicKeyAlgorithm[] {
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return [];
  const operations = jwk['key_ops'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return [];
  if (jwk.kty === 'RSA' && !isSoundRsa(jwk['n'], jwk['e'])) return [];
  return (Object.keys(publicKeyAlgorithms) as PublicKeyAlgorithm[]).filter((name) => {
    const shape: { kty: string; crv?: string } = publicKeyAlgorithms[name];
    return (jwk['alg'] ?? name) === name && shape.kty === jwk.kty && shape.crv === jwk['crv'];
  });
}

function materialOf(jwk: Jwk): string {
  return JSON.stringify([algorithmsOf(jwk), jwk.kty, jwk['crv'], jwk['x'], jwk['y'], jwk['n'], jwk['e']]);
}

/** Returns whether an RSA key is strong: 2048 bits or more, an odd exponent above 2^16 (FIPS 186-5 appendix A.1.1), not ROCA. */
function isSoundRsa(n: unknown, e: unknown): boolean {
  const modulus = integerOf(n);
  const exponent = integerOf(e);
  if (modulus === undefined || exponent === undefined) return false;
  const bits = modulus.toString(2).length;
  // The upper bounds limit the cost of a verification.
  const size = bits >= 2_048 && bits <= 8_192;
  return size && exponent > 65_536n && exponent < 2n ** 64n && exponent % 2n === 1n && !hasRocaFingerprint(modulus);
}

/** Decodes a Base64urlUInt (RFC 7518 section 2). */
function integerOf(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^[\w-]+$/.test(value)) return undefined;
  return BigInt(`0x0${Buffer.from(value, 'base64url').toString('hex')}`);
}
