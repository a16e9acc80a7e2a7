import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '#kit/log/secret.ts';

/** What the auth service does with keys that come from the master key. None of them leaves this object. */
export interface MasterKey {
  /** Encrypts under a data key of its own, which is wrapped by the master key. `context` binds the result to its place. */
  seal(plain: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** Decrypts what `seal` made. @throws Error where key, context or a single bit is another */
  open(sealed: Uint8Array, context: string): Buffer;
  /** HMAC-SHA256 under a key that only serves this purpose. */
  mac(purpose: 'refresh' | 'csrf', text: string): Buffer<ArrayBuffer>;
}

const version = 1;
const cipher = 'aes-256-gcm';

/** Envelope encryption: AES-256-GCM twice, keys apart by purpose through HKDF (RFC 5869). */
export function createMasterKey(master: Secret<Buffer>): MasterKey {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', master.reveal(), '', `signet ${purpose} v1`, 32));
  const wrapping = derive('wrap');
  // Key objects: from bytes, every MAC would make one anew, at five times the cost.
  const macs = { refresh: createSecretKey(derive('refresh')), csrf: createSecretKey(derive('csrf')) };
  return {
    seal(plain, context) {
      const dataKey = randomBytes(32);
      const wrapped = encrypt(wrapping, dataKey, context);
      return Buffer.concat([Buffer.of(version), wrapped, encrypt(dataKey, plain, context)]);
    },
    open(sealed, context) {
      if (sealed[0] !== version) throw new Error('sealed under an unknown scheme');
      const wrappedEnd = 1 + 12 + 32 + 16;
      const dataKey = decrypt(wrapping, sealed.subarray(1, wrappedEnd), context);
      return decrypt(dataKey, sealed.subarray(wrappedEnd), context);
    },
    mac: (purpose, text) => createHmac('sha256', macs[purpose]).update(text).digest(),
  };
}

function encrypt(key: Buffer, plain: Uint8Array, context: string): Buffer<ArrayBuffer> {
  const iv = randomBytes(12);
  const gcm = createCipheriv(cipher, key, iv).setAAD(Buffer.from(context));
  return Buffer.concat([iv, gcm.update(plain), gcm.final(), gcm.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Uint8Array, context: string): Buffer {
  const gcm = createDecipheriv(cipher, key, sealed.subarray(0, 12)).setAAD(Buffer.from(context));
  gcm.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([gcm.update(sealed.subarray(12, -16)), gcm.final()]);
}
