import { createPrivateKey, type KeyObject } from 'node:crypto';

/** A secret, as a string or in a wrapper that keeps it out of logs. */
export type SecretText = string | { reveal(): string };

/** PKCS #8 prefix of the 32 bytes of an Ed25519 private key (RFC 8410 section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

// 43 characters of base64url hold two more bits than 32 bytes: these must be zero.
const form = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Parses the private key of a service: Ed25519, `d` of RFC 8037.
 * @throws Error, which does not quote the key, if it is not 32 bytes in base64url
 */
export function privateServiceKey(key: SecretText): KeyObject {
  const text = typeof key === 'string' ? key : key.reveal();
  if (!form.test(text)) throw new Error("The service's key is not 32 bytes in base64url.");
  const der = Buffer.concat([pkcs8Head, Buffer.from(text, 'base64url')]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
