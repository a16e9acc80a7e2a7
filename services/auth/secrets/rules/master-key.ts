import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '#kit/log/secret.ts';

/** What the auth service does under the master key, which never leaves this object. */
export interface MasterKey {
  /** Encrypts under a data key of its own, which is wrapped by the master key. `context` binds the result to its place. */
  seal(plain: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** Decrypts what `seal` made. @throws Error where key, context or a single bit is another */
  open(sealed: Uint8Array, context: string): Buffer;
  /** Tells whether something was sealed under this key. */
  opens(sealed: Uint8Array, context: string): boolean;
  /** Wraps the data key of something sealed anew, under another master key; what it protects is not touched. */
  rewrap(sealed: Uint8Array, context: string, next: Secret<Buffer>): Uint8Array<ArrayBuffer>;
  /** A key that only serves one purpose, 32 bytes (HKDF, RFC 5869). */
  derive(purpose: string): Buffer;
}

/** Makes the MACs of tokens that only the auth service reads. */
export interface Macs {
  /** HMAC-SHA256 under a key that only serves this purpose. */
  mac(purpose: MacPurpose, text: string): Buffer<ArrayBuffer>;
}

/** What MACs are for; each purpose has a key of its own. */
export const macPurposes = ['refresh', 'csrf', 'device'] as const;

/** What a MAC is for. */
export type MacPurpose = (typeof macPurposes)[number];

const version = 1;
const cipher = 'aes-256-gcm';
const wrappedEnd = 1 + 12 + 32 + 16;

/** Envelope encryption: AES-256-GCM twice, keys apart by purpose through HKDF. */
export function createMasterKey(master: Secret<Buffer>): MasterKey {
  const derive = (purpose: string) => deriveKey(master, purpose);
  const wrapping = derive('wrap');

  function dataKeyOf(sealed: Uint8Array, context: string): Buffer {
    if (sealed[0] !== version) throw new Error('sealed under an unknown scheme');
    return decrypt(wrapping, sealed.subarray(1, wrappedEnd), context);
  }

  return {
    seal(plain, context) {
      const dataKey = randomBytes(32);
      const wrapped = encrypt(wrapping, dataKey, context);
      return Buffer.concat([Buffer.of(version), wrapped, encrypt(dataKey, plain, context)]);
    },
    open: (sealed, context) => decrypt(dataKeyOf(sealed, context), sealed.subarray(wrappedEnd), context),
    opens(sealed, context) {
      try {
        dataKeyOf(sealed, context);
        return true;
      } catch {
        return false;
      }
    },
    rewrap(sealed, context, next) {
      const wrapped = encrypt(deriveKey(next, 'wrap'), dataKeyOf(sealed, context), context);
      return Buffer.concat([Buffer.of(version), wrapped, sealed.subarray(wrappedEnd)]);
    },
    derive,
  };
}

/** Makes MACs, under a key of 32 bytes for each purpose. */
export function createMacs(keys: Readonly<Record<MacPurpose, Uint8Array>>): Macs {
  // Key objects: from bytes, every MAC would make one anew, at five times the cost.
  const held = {
    refresh: createSecretKey(keys.refresh),
    csrf: createSecretKey(keys.csrf),
    device: createSecretKey(keys.device),
  } satisfies Record<MacPurpose, unknown>;
  return { mac: (purpose, text) => createHmac('sha256', held[purpose]).update(text).digest() };
}

function deriveKey(master: Secret<Buffer>, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master.reveal(), '', `signet ${purpose} v1`, 32));
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
