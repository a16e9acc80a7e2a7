import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Secret } from '#kit/log/secret.ts';

/** A service's key pair: Ed25519, each key 32 bytes in base64url (RFC 8037). */
export interface ServiceKeyPair {
  /** The private key, `d`, for SIGNET_SERVICE_KEY. */
  readonly key: Secret;
  /** The public key, `x`, for SIGNET_SERVICES. */
  readonly publicKey: string;
}

/** Generates a key pair. */
export function generateServiceKey(): ServiceKeyPair {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { key: new Secret(d), publicKey: x };
}

/** Parses a public key from its `x`. */
export function publicServiceKey(publicKey: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}
