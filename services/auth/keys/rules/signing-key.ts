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

/** Signature algorithms of access tokens. HS256 is only for a process that signs and verifies. */
export type SigningAlgorithm = Algorithm;

/** A stored signing key: the sealed private key and the public key as published. */
export interface StoredKey {
  /** RFC 7638 thumbprint. Random for an HS256 key, whose hash must not be published. */
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** For an HS256 key only kty, alg and kid. */
  readonly publicJwk: JWK;
  readonly sealedPrivate: Uint8Array<ArrayBuffer>;
}

/** Signs tokens with a key. The private key is not accessible. */
export interface Signer {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** Signs claims as an access token (RFC 9068 section 2.1). */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

const rsaBits = 2048;
const secretBytes = 32;

/** Generates a key and seals its private key. */
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
 * @throws Error if it was sealed under another master key, is weak, or does not match its algorithm
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
 * Checks that this service generated a stored key: the private key opens under the
 * master key and matches the public key. An attacker with write access to the
 * database can add a public key, but cannot seal a private key.
 * @throws Error if not, or if the key is weak or does not match its algorithm
 */
export async function assertOurs(stored: StoredKey, master: MasterKey): Promise<void> {
  await (stored.alg === 'HS256' ? openSecret(stored, master) : openPrivate(stored, master));
}

/** Opens an HS256 key for signing and verifying. @throws Error if it was sealed under another master key */
export async function openSecret(stored: StoredKey, master: MasterKey): Promise<CryptoKey> {
  const bytes = new Uint8Array(open(stored, master));
  if (bytes.length < secretBytes) throw new Error(`signing key ${stored.kid} is too short`);
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
}

async function openPrivate(stored: StoredKey, master: MasterKey): Promise<CryptoKey> {
  const { kid, alg } = stored;
  const pem = open(stored, master).toString();
  // The stored public key and the kid must match the private key; otherwise no verifier could verify its tokens.
  const bare = createPublicKey(pem).export({ format: 'jwk' }) as JWK;
  const names = await Promise.all([bare, stored.publicJwk].map((jwk) => calculateJwkThumbprint(jwk)));
  const isPair = names.every((name) => name === kid);
  // Applies the verifiers' rules: they reject keys under 2048 bits, bad exponents and wrong curves.
  const published = isPair && (await readKeySet({ keys: [stored.publicJwk] }).catch(() => undefined));
  if (!published || !published.get(kid)?.byAlgorithm.has(alg)) {
    throw new StartError(`signing key ${kid} is weak, not a pair, or does not match ${alg}`);
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

/** The context that binds a sealed key to its kid. */
export function contextOf(kid: string): string {
  return `signing-key ${kid}`;
}
