import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JWK,
} from 'jose';
import { createPublicKey, randomBytes } from 'node:crypto';
import { readKeySet } from '#kit/guard/jwk.ts';
import type { Algorithm } from '#kit/guard/algorithms.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { MasterKey } from '../../secrets/public.ts';

/** Algorithms that access tokens may be signed with. HS256 is for one process that also verifies. */
export type SigningAlgorithm = Algorithm;

/** A signing key as it is kept: the private part sealed, the public part as published. */
export interface StoredKey {
  /** RFC 7638 thumbprint; of an HS256 key, which must not be told by its hash, a random name. */
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** Of an HS256 key nothing but its name and kind. */
  readonly publicJwk: JWK;
  readonly sealedPrivate: Uint8Array<ArrayBuffer>;
}

/** A key that signs. The private part never leaves it. */
export interface Signer {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** Signs claims as an access token (RFC 9068 section 2.1). */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

const rsaBits = 2048;
const secretBytes = 32;

/** Makes a key and seals its private part at once. */
export async function generateSigningKey(alg: SigningAlgorithm, master: MasterKey): Promise<StoredKey> {
  if (alg === 'HS256') {
    const kid = randomBytes(16).toString('base64url');
    const sealedPrivate = master.seal(randomBytes(secretBytes), contextOf(kid));
    return { kid, alg, publicJwk: { kty: 'oct', alg, kid }, sealedPrivate };
  }
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: rsaBits });
  const bare = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(bare);
  const sealedPrivate = master.seal(Buffer.from(await exportPKCS8(privateKey)), contextOf(kid));
  return { kid, alg, publicJwk: { ...bare, use: 'sig', alg, kid }, sealedPrivate };
}

/**
 * Opens a stored key for signing.
 * @throws Error where the master key is another one, or the key is weak or does not fit its algorithm
 */
export async function openSigner(stored: StoredKey, master: MasterKey): Promise<Signer> {
  const { kid, alg } = stored;
  const key = alg === 'HS256' ? await openSecret(stored, master) : await openPrivate(stored, master);
  const encoder = new TextEncoder();
  return {
    kid,
    alg,
    sign: (claims) =>
      new CompactSign(encoder.encode(JSON.stringify(claims))).setProtectedHeader({ alg, kid, typ: 'at+jwt' }).sign(key),
  };
}

/**
 * Checks that a stored key is one that this service made: its private part opens
 * under the master key, and is the pair of what is published. Whoever can write to
 * the database can add a public key, and nobody else can seal its other half.
 * @throws Error where it is not, or the key is weak or does not fit its algorithm
 */
export async function assertOurs(stored: StoredKey, master: MasterKey): Promise<void> {
  await (stored.alg === 'HS256' ? openSecret(stored, master) : openPrivate(stored, master));
}

/** Opens an HS256 key, to sign and to verify with. @throws Error where the master key is another one */
export async function openSecret(stored: StoredKey, master: MasterKey): Promise<CryptoKey> {
  const bytes = new Uint8Array(open(stored, master));
  if (bytes.length < secretBytes) throw new Error(`signing key ${stored.kid} is too short`);
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
}

async function openPrivate(stored: StoredKey, master: MasterKey): Promise<CryptoKey> {
  const { kid, alg } = stored;
  const pem = open(stored, master).toString();
  // What the database publishes beside it must be its public half, and of the name: else nobody could verify.
  const bare = createPublicKey(pem).export({ format: 'jwk' }) as JWK;
  const names = await Promise.all([bare, stored.publicJwk].map((jwk) => calculateJwkThumbprint(jwk)));
  const isPair = names.every((name) => name === kid);
  // The same rules that every verifier applies: under 2048 bits, a bad exponent or a wrong curve is refused.
  const published = isPair && (await readKeySet({ keys: [stored.publicJwk] }).catch(() => undefined));
  if (!published || !published.get(kid)?.byAlgorithm.has(alg)) {
    throw new StartError(`signing key ${kid} is weak, not a pair, or does not fit ${alg}`);
  }
  return importPKCS8(pem, alg);
}

function open({ kid, sealedPrivate }: StoredKey, master: MasterKey): Buffer {
  try {
    return master.open(sealedPrivate, contextOf(kid));
  } catch {
    throw new StartError(`signing key ${kid} was sealed under another SIGNET_MASTER_KEY than the one given`);
  }
}

/** What binds a sealed key to its place. */
export function contextOf(kid: string): string {
  return `signing-key ${kid}`;
}
