import { createPrivateKey, type KeyObject } from 'node:crypto';

/** Thrown if a text is no usable private key. The message is a sentence for the operator, without any part of the text. */
export class PrivateKeyError extends Error {
  override readonly name = 'PrivateKeyError';
}

/** Whether a PEM is an encrypted private key: PKCS#8 (RFC 5958), or the traditional format (RFC 1421). */
export function isEncryptedPem(pem: string): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4,ENCRYPTED/m.test(pem);
}

/**
 * Reads a private key from PEM: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC), as openssl writes them. Text around the key, such as
 * EC parameters, is ignored.
 * @param passphrase of an encrypted key
 * @throws PrivateKeyError if it is another kind of text, has several keys, or cannot be decrypted
 */
export function readPrivatePem(pem: string, passphrase?: string): KeyObject {
  const labels = [...pem.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----/gm)].map(([, label = '']) => label);
  const own = labels.filter((label) => label.endsWith('PRIVATE KEY'));
  if (own.length > 1) throw new PrivateKeyError('The file has several private keys.');
  const [label] = own;
  if (label === undefined) throw new PrivateKeyError(missing(labels));
  if (label.startsWith('OPENSSH')) {
    throw new PrivateKeyError('The key is in the format of OpenSSH. ssh-keygen -p -m PKCS8 -f <file> converts it.');
  }
  if (isEncryptedPem(pem) && passphrase === undefined) {
    throw new PrivateKeyError('The private key is encrypted. openssl pkey -in <file> -out <file> decrypts it.');
  }
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase !== undefined && { passphrase }) });
  } catch {
    // OpenSSL's messages name its own functions.
    throw new PrivateKeyError(
      isEncryptedPem(pem) ? 'The passphrase is wrong, or the private key is damaged.' : 'The private key is damaged.',
    );
  }
}

function missing(labels: readonly string[]): string {
  if (labels.includes('CERTIFICATE')) return 'The file has a certificate, but no private key.';
  if (labels.some((label) => label.endsWith('PUBLIC KEY'))) return 'The file has a public key, but no private key.';
  return 'The file has no private key in PEM format (-----BEGIN PRIVATE KEY-----).';
}
