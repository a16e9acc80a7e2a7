import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Secret } from '#kit/log/secret.ts';
import { createMasterKey } from './master-key.ts';

/** The error of GCM, or of an unknown scheme. */
const refused = /unable to authenticate data|unknown scheme/;

const master = () => createMasterKey(new Secret(randomBytes(32)));

test('opens a sealed value', () => {
  const key = master();
  expect(key.open(key.seal(Buffer.from('a private key'), 'here'), 'here').toString()).toBe('a private key');
});

test('seals the same value differently every time', () => {
  const key = master();
  expect(key.seal(Buffer.from('x'), 'here')).not.toEqual(key.seal(Buffer.from('x'), 'here'));
});

test('opens nothing under another master key, with another context, or with a flipped bit', () => {
  const key = master();
  const sealed = key.seal(Buffer.from('a private key'), 'here');
  expect(() => master().open(sealed, 'here')).toThrow(refused);
  expect(() => key.open(sealed, 'there')).toThrow(refused);
  for (let index = 0; index < sealed.length; index++) {
    const changed = Buffer.from(sealed);
    changed[index]! ^= 1;
    expect(() => key.open(changed, 'here'), `byte ${index}`).toThrow(refused);
  }
});

test('derives different keys for different purposes', () => {
  const key = master();
  expect(key.derive('csrf')).not.toEqual(key.derive('refresh'));
});
