import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Secret } from '#kit/log/secret.ts';

/** A key pair by which a service proves who it is: Ed25519, each half 32 bytes in base64url (RFC 8037). */
export interface ServiceKeyPair {
  /** The private half, `d`; what SIGNET_SERVICE_KEY holds. */
  readonly key: Secret;
  /** The public half, `x`; what SIGNET_SERVICES names. */
  readonly publicKey: string;
}

/** Makes a key pair. */
export function generateServiceKey(): ServiceKeyPair {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { key: new Secret(d), publicKey: x };
}

/** The public key of an `x`. */
export function publicServiceKey(publicKey: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}
