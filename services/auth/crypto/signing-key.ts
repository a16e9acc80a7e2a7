import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JWK,
} from 'jose';
import { readKeySet } from '#kit/guard/jwk.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { MasterKey } from './master-key.ts';

/** Algorithms that access tokens may be signed with. */
export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A signing key as it is kept: the private part sealed, the public part as published. */
export interface StoredKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: SigningAlgorithm;
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

/** Makes a key pair and seals its private part at once. */
export async function generateSigningKey(alg: SigningAlgorithm, master: MasterKey): Promise<StoredKey> {
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
  // The same rules that every verifier applies: under 2048 bits, a bad exponent or a wrong curve is refused.
  const published = await readKeySet({ keys: [stored.publicJwk] });
  if (!published.get(kid)?.byAlgorithm.has(alg)) throw new Error(`signing key ${kid} does not fit ${alg}`);
  const pkcs8 = open(stored, master).toString();
  const key = await importPKCS8(pkcs8, alg);
  const encoder = new TextEncoder();
  return {
    kid,
    alg,
    sign: (claims) =>
      new CompactSign(encoder.encode(JSON.stringify(claims))).setProtectedHeader({ alg, kid, typ: 'at+jwt' }).sign(key),
  };
}

function open({ kid, sealedPrivate }: StoredKey, master: MasterKey): Buffer {
  try {
    return master.open(sealedPrivate, contextOf(kid));
  } catch {
    throw new StartError(`signing key ${kid} was sealed under another SIGNET_MASTER_KEY than the one given`);
  }
}

function contextOf(kid: string): string {
  return `signing-key ${kid}`;
}
