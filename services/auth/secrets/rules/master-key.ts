import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '#kit/log/secret.ts';

/** Operations with the master key, which is not accessible from outside. */
export interface MasterKey {
  /** Encrypts a value with a new data key, which is wrapped by the master key. `context` is authenticated data. */
  seal(plain: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** Decrypts a sealed value. @throws Error if the key, the context or any bit differs */
  open(sealed: Uint8Array, context: string): Buffer;
  /** Whether a value was sealed under this key. */
  opens(sealed: Uint8Array, context: string): boolean;
  /** Rewraps the data key of a sealed value under another master key. The encrypted value stays the same. */
  rewrap(sealed: Uint8Array, context: string, next: Secret<Buffer>): Uint8Array<ArrayBuffer>;
  /** Derives a key for one purpose, 32 bytes (HKDF, RFC 5869). */
  derive(purpose: string): Buffer;
}

/** Computes the MACs of tokens that only the auth service verifies. */
export interface Macs {
  /** HMAC-SHA256 with the key of a purpose. */
  mac(purpose: MacPurpose, text: string): Buffer<ArrayBuffer>;
}

/** Purposes of MACs; each has a separate key. */
export const macPurposes = ['refresh', 'csrf', 'device'] as const;

/** Purpose of a MAC. */
export type MacPurpose = (typeof macPurposes)[number];

const version = 1;
const cipher = 'aes-256-gcm';
const wrappedEnd = 1 + 12 + 32 + 16;

/** Creates the master key. Envelope encryption: AES-256-GCM twice, with keys derived by purpose (HKDF). */
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

/** Creates the MACs with a key of 32 bytes per purpose. */
export function createMacs(keys: Readonly<Record<MacPurpose, Uint8Array>>): Macs {
  // Key objects: with bytes, every MAC would create one, at five times the cost.
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
