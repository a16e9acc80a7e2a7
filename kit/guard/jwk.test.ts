import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { createTestKey } from '#kit/testing/tokens.ts';
import { maxKeys, readKeySet } from './jwk.ts';

const one = await createTestKey('ES256');
const two = await createTestKey('EdDSA');

function rsa(modulusLength: number, publicExponent = 65_537): JWK {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  return publicKey.export({ format: 'jwk' });
}

async function algorithmsOf(jwk: object): Promise<string[]> {
  const set = await readKeySet({ keys: [one.jwk, { ...jwk, kid: 'key' }] });
  return [...(set.get('key')?.byAlgorithm.keys() ?? [])];
}

test('reads a set by kid, each key for its algorithm', async () => {
  const set = await readKeySet({ keys: [one.jwk, two.jwk] });
  expect([...set.keys()]).toEqual([one.kid, two.kid]);
  expect([...(set.get(two.kid)?.byAlgorithm.keys() ?? [])]).toEqual(['EdDSA']);
});

test('uses an RSA key without alg for both RSA algorithms, and one with alg for that only', async () => {
  const jwk = rsa(2_048);
  expect(await algorithmsOf(jwk)).toEqual(['RS256', 'PS256']);
  expect(await algorithmsOf({ ...jwk, alg: 'PS256' })).toEqual(['PS256']);
});

test('reuses the key objects of the previous set', async () => {
  const before = await readKeySet({ keys: [one.jwk] });
  const after = await readKeySet({ keys: [two.jwk, { ...one.jwk, ext: true }] }, before);
  expect(after.get(one.kid)).toBe(before.get(one.kid));
});

test('treats other material under the same kid as another key', async () => {
  const before = await readKeySet({ keys: [one.jwk] });
  const after = await readKeySet({ keys: [{ ...(await createTestKey('ES256')).jwk, kid: one.kid }] }, before);
  expect(after.get(one.kid)).not.toBe(before.get(one.kid));
});

describe('refuses the whole set', () => {
  const secret = { kty: 'oct', kid: 'secret', k: 'A'.repeat(43) };
  const cases: Record<string, [document: unknown, message: string]> = {
    'that is not an object': ['keys', 'expected object'],
    'that is null': [null, 'expected object'],
    'without keys': [{}, 'expected array'],
    'whose keys are not a list': [{ keys: {} }, 'expected array'],
    'with no key': [{ keys: [] }, 'no usable key'],
    'with no usable key': [{ keys: [{ ...one.jwk, use: 'enc' }] }, 'no usable key'],
    'whose only key has no kid': [{ keys: [{ ...one.jwk, kid: undefined }] }, 'no usable key'],
    'whose only key has an empty kid': [{ keys: [{ ...one.jwk, kid: '' }] }, 'no usable key'],
    'whose only key is malformed': [{ keys: [1] }, 'no usable key'],
    'with a private key': [{ keys: [one.jwk, { ...two.jwk, d: 'AAAA' }] }, 'private or symmetric'],
    'with a private prime': [{ keys: [one.jwk, { ...two.jwk, p: 'AAAA' }] }, 'private or symmetric'],
    'with a symmetric key': [{ keys: [one.jwk, secret] }, 'private or symmetric'],
    'with a symmetric key without k': [{ keys: [one.jwk, { kty: 'oct', kid: 's' }] }, 'private or symmetric'],
    'with a duplicate kid': [{ keys: [one.jwk, { ...two.jwk, kid: one.kid }] }, 'duplicate kid'],
    'with a duplicate kid on a key that is skipped': [
      { keys: [one.jwk, { ...two.jwk, kid: one.kid, use: 'enc' }] },
      'duplicate kid',
    ],
    'with too many keys': [
      { keys: Array.from({ length: maxKeys + 1 }, (_, i) => ({ ...one.jwk, kid: `${i}` })) },
      'Too big',
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [document, message]) => {
    await expect(readKeySet(document)).rejects.toThrow(message);
  });
});

test('reads a set with the maximum number of keys', async () => {
  const keys = Array.from({ length: maxKeys }, (_, i) => ({ ...one.jwk, kid: `${i}` }));
  expect((await readKeySet({ keys })).size).toBe(maxKeys);
});

test.each([1, null, 'key', [], {}, { kty: 7 }, { kty: 'EC', kid: 7 }, { kid: 'x' }])(
  'skips the malformed entry %j',
  async (entry) => {
    const set = await readKeySet({ keys: [entry, one.jwk, entry] });
    expect([...set.keys()]).toEqual([one.kid]);
  },
);

describe('skips', () => {
  const sound = rsa(2_048);
  const small = rsa(2_040);
  const cases: Record<string, object> = {
    'a key for encryption': { ...two.jwk, use: 'enc' },
    'a key whose key_ops do not verify': { ...two.jwk, key_ops: ['encrypt'] },
    'a key whose key_ops are not a list': { ...two.jwk, key_ops: 'verify' },
    'a key of an unknown algorithm': { ...two.jwk, alg: 'ES224' },
    'a key whose alg is not a string': { ...two.jwk, alg: 1 },
    'a key of another curve than its algorithm': { ...one.jwk, crv: 'P-384' },
    'a key of another type than its algorithm': { ...one.jwk, kty: 'RSA' },
    'a point that is not on the curve': { ...one.jwk, y: one.jwk.x },
    'a key without its point': { ...one.jwk, x: undefined },
    'an RSA key under 2048 bits': small,
    'an RSA key under 2048 bits behind leading zeros': {
      ...small,
      n: Buffer.concat([Buffer.alloc(8), Buffer.from(small.n ?? '', 'base64url')]).toString('base64url'),
    },
    'an RSA key over 8192 bits': { ...sound, n: Buffer.alloc(1_025, 0xff).toString('base64url') },
    'an RSA exponent of 1': { ...sound, e: 'AQ' },
    'an RSA exponent of 3': { ...sound, e: 'Aw' },
    'an even RSA exponent': { ...sound, e: 'AQAC' },
    'an RSA exponent of 64 bits or more': {
      ...sound,
      e: Buffer.from('010000000000000001', 'hex').toString('base64url'),
    },
    'an RSA key whose n is not base64url': { ...sound, n: `${sound.n}=` },
    'an RSA key without e': { ...sound, e: undefined },
  };
  test.each(Object.entries(cases))('%s', async (_, jwk) => {
    expect(await algorithmsOf(jwk)).toEqual([]);
  });
});
