import { z } from 'zod';
import type { KeySource } from './keys.ts';

// RFC 7518 section 3.2: the key must be at least as long as the hash.
const minBytes = 32;

const schema = z.object({
  kty: z.literal('oct'),
  alg: z.literal('HS256'),
  use: z.literal('sig').optional(),
  kid: z.string().min(1),
  k: z.string().regex(/^[\w-]+$/),
});

/**
 * Creates a key source from one HS256 key (a JWK), for a process that both issues
 * and verifies.
 * @throws Error, which does not quote the key, if it is not for HS256 or is under 256 bits
 */
export async function sharedSecret(jwk: unknown): Promise<KeySource> {
  const parsed = schema.safeParse(jwk);
  const bytes = Buffer.from(parsed.data?.k ?? '', 'base64url');
  if (!parsed.success || bytes.length < minBytes)
    throw new Error('The shared secret is not an HS256 key of 256 bits or more.');
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const held = (kid: string, alg: string) => (kid === parsed.data.kid && alg === 'HS256' ? key : undefined);
  return {
    held,
    get: async (kid, alg) => held(kid, alg),
    refresh: async () => true,
    ready: async () => undefined,
    trouble: () => undefined,
    close: () => undefined,
  };
}
