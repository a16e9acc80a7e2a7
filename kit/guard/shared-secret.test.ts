import { expect, test } from 'vitest';
import { sharedSecret } from './shared-secret.ts';

const jwk = (bytes: number) => ({
  kty: 'oct',
  alg: 'HS256',
  kid: 'mono',
  k: Buffer.alloc(bytes, 7).toString('base64url'),
});

test('has a key of 256 bits, for its kid and HS256 only', async () => {
  const keys = await sharedSecret(jwk(32));
  await keys.ready();
  expect(await keys.get('mono', 'HS256')).toBe(keys.held('mono', 'HS256'));
  expect(keys.held('mono', 'HS256')?.type).toBe('secret');
  expect(keys.held('mono', 'RS256')).toBeUndefined();
  expect(await keys.get('other', 'HS256')).toBeUndefined();
});

test('refuses a key under 256 bits, without quoting it', async () => {
  const error = await sharedSecret(jwk(31)).catch((reason: unknown) => reason as Error);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).not.toContain(jwk(31).k);
});

test.each([{ alg: 'HS512' }, { kty: 'EC' }, { use: 'enc' }, { kid: '' }, { k: 'AAAA=' }])(
  'refuses %j',
  async (wrong) => {
    await expect(sharedSecret({ ...jwk(32), ...wrong })).rejects.toThrow('not an HS256 key');
  },
);
