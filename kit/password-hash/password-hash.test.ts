import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultOfHash } from './password-hash.ts';

/** With the lowest cost. */
const ofArgon2id = await argon2.hash('a password', { memoryCost: 64, timeCost: 1 });
const ofBcrypt = await bcrypt.hash('a password', { cost: 4 });

const reasonOf = (hash: string) => faultOfHash(hash)?.reason ?? 'taken';

test.each(['2a', '2b', '2y'])('accepts a bcrypt hash $%s$ up to a cost of 14', (kind) => {
  const at = (cost: string) => reasonOf(ofBcrypt.replace('$2b$04$', `$${kind}$${cost}$`));
  expect(['03', '04', '10', '14', '15', '31', '99'].map(at)).toEqual([
    'HASH_MALFORMED',
    'taken',
    'taken',
    'taken',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
  ]);
});

test.each([
  ['of version 2x, which has a bug', ofBcrypt.replace('2b', '2x')],
  ['of version 2', ofBcrypt.replace('2b', '2')],
  ['that is truncated', ofBcrypt.slice(0, -1)],
  ['with trailing text', `${ofBcrypt}\n`],
  ['whose salt has unused bits set', `${ofBcrypt.slice(0, 28)}z${ofBcrypt.slice(29)}`],
  ['whose last character has unused bits set', `${ofBcrypt.slice(0, -1)}z`],
])('refuses a bcrypt hash %s', (_, hash) => expect(reasonOf(hash)).toBe('HASH_MALFORMED'));

const [, , of19, , salt = '', output = ''] = ofArgon2id.split('$');
const made = (parameters: string, parts = `${salt}$${output}`) => `$argon2id$${of19}$${parameters}$${parts}`;

test('accepts usual Argon2id hashes, up to 128 MiB, 10 passes and 16 lanes', () => {
  const hashes = {
    Keycloak: made('m=7168,t=5,p=1'),
    PHP: made('m=65536,t=4,p=1'),
    Django: made('m=102400,t=2,p=8'),
    'version 1.0': made('m=64,t=1,p=1').replace('v=19', 'v=16'),
    most: made('m=131072,t=10,p=16'),
    'too much memory': made('m=131073,t=1,p=1'),
    'too many passes': made('m=64,t=11,p=1'),
    'too many lanes': made('m=1024,t=1,p=17'),
    'more than a number holds': made('m=4294967296,t=1,p=1'),
  };
  expect(Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [name, reasonOf(hash)]))).toEqual({
    Keycloak: 'taken',
    PHP: 'taken',
    Django: 'taken',
    'version 1.0': 'taken',
    most: 'taken',
    'too much memory': 'HASH_TOO_COSTLY',
    'too many passes': 'HASH_TOO_COSTLY',
    'too many lanes': 'HASH_TOO_COSTLY',
    'more than a number holds': 'HASH_TOO_COSTLY',
  });
});

test.each([
  ['without a hash', made('m=64,t=1,p=1', salt)],
  ['that is truncated', ofArgon2id.slice(0, -2)],
  ['that is padded', `${ofArgon2id}=`],
  ['with a line end', `${ofArgon2id}\n`],
  ['without a version', ofArgon2id.replace('v=19$', '')],
  ['of an unknown version', ofArgon2id.replace('v=19', 'v=20')],
  ['without a pass', made('m=64,t=0,p=1')],
  ['without a lane', made('m=64,t=1,p=0')],
  ['with less memory than its lanes need', made('m=31,t=1,p=4')],
  ['with a leading zero', made('m=064,t=1,p=1')],
  ['with a salt of 4 bytes', made('m=64,t=1,p=1', `AAAAAA$${output}`)],
  ['of 4 bytes, which several passwords match', made('m=64,t=1,p=1', `${salt}$AAAAAA`)],
])('refuses an Argon2id hash %s', (_, hash) => expect(reasonOf(hash)).toBe('HASH_MALFORMED'));

test.each([
  ['a password', 'correct horse battery'],
  ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
  ["crypt's MD5", '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/'],
  ["crypt's SHA-512", `$6$saltsalt$${'a'.repeat(86)}`],
  ['PBKDF2', `pbkdf2_sha256$600000$salt$${'a'.repeat(43)}=`],
  ['Argon2i, which is for other things', ofArgon2id.replace('argon2id', 'argon2i')],
  ['nothing', ''],
])('refuses %s as an unsupported hash', (_, hash) => expect(reasonOf(hash)).toBe('HASH_UNSUPPORTED'));

test('describes the fault without any part of the hash', () => {
  for (const hash of ['hunter2', ofBcrypt.slice(0, -1), ofBcrypt.replace('$04$', '$20$'), `${ofArgon2id}=`]) {
    const { description = '' } = faultOfHash(hash) ?? {};
    expect(description).toMatch(/^(must|is) /);
    for (let at = 0; at + 8 <= hash.length; at += 1) expect(description).not.toContain(hash.slice(at, at + 8));
  }
});

/** A hash with parts overwritten, removed or inserted. */
function spoilt(hash: string): fc.Arbitrary<string> {
  const character = fc.constantFrom(...Array.from('$,=0123456789./+AZaz \n\0é'));
  return fc
    .tuple(fc.nat(hash.length), fc.nat(3), fc.array(character, { maxLength: 3 }))
    .map(([at, cut, put]) => hash.slice(0, at) + put.join('') + hash.slice(at + cut));
}

test.each([
  ['Argon2id', ofArgon2id, argon2.parseOptions],
  ['bcrypt', ofBcrypt, bcrypt.parseOptions],
])('the library can parse every accepted hash of %s', (_, whole, read) => {
  const canRead = (hash: string) => {
    try {
      return Boolean(read(hash));
    } catch {
      return false;
    }
  };
  const holds = fc.property(spoilt(whole), (hash) => faultOfHash(hash) !== undefined || canRead(hash));
  expect(fc.check(holds, { numRuns: 5_000, examples: [[whole]] }).counterexample).toBeNull();
});
