import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultOfHash, readHash } from './password-hash.ts';

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

const phc = (identifier: string, parameters: string, parts = `${salt}$${output}`) =>
  `$${identifier}$${parameters}$${parts}`;
/** 32 bytes of base64. */
const derived = Buffer.alloc(32, 7).toString('base64').replace('=', '');
const bytes = (count: number) => Buffer.alloc(count, 7).toString('base64').replaceAll('=', '');

test('limits PBKDF2 to 2,000,000 iterations times blocks', () => {
  const at = (digest: string, iterations: number, length: number) =>
    reasonOf(phc(`pbkdf2-${digest}`, `i=${iterations}`, `${salt}$${bytes(length)}`));
  expect([
    at('sha1', 2_000_000, 20),
    at('sha1', 2_000_001, 20),
    at('sha1', 1_000_000, 21),
    at('sha1', 1_000_001, 40),
    at('sha256', 2_000_000, 32),
    at('sha256', 1_000_000, 64),
    at('sha256', 1_000_000, 1_024),
    at('sha512', 2_000_000, 64),
    at('sha512', 2_000_000, 65),
    at('sha256', 2 ** 40, 32),
  ]).toEqual([
    'taken',
    'HASH_TOO_COSTLY',
    'taken',
    'HASH_TOO_COSTLY',
    'taken',
    'taken',
    'HASH_TOO_COSTLY',
    'taken',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
  ]);
});

test.each(['scrypt', 'firebase-scrypt'])('limits $%s$ to 128 MiB and to N * r * p = 2^21', (kind) => {
  const at = (parameters: string) => reasonOf(phc(kind, parameters));
  expect([
    at('ln=17,r=8,p=2'),
    at('ln=17,r=8,p=3'),
    at('ln=17,r=9,p=1'),
    at('ln=18,r=8,p=1'),
    at('ln=10,r=8,p=256'),
    at('ln=10,r=8,p=257'),
    at('ln=40,r=8,p=1'),
    at('ln=99,r=9999999,p=9999999'),
  ]).toEqual([
    'taken',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
    'taken',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
  ]);
});

test('limits phpass to 2^19 iterations, and refuses those that phpass itself refuses', () => {
  const at = (logarithm: string) => reasonOf(`$P$${logarithm}IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0`);
  expect(['4', '5', 'B', 'H', 'I', 'S', 'T'].map(at)).toEqual([
    'HASH_MALFORMED',
    'taken',
    'taken',
    'taken',
    'HASH_TOO_COSTLY',
    'HASH_TOO_COSTLY',
    'HASH_MALFORMED',
  ]);
});

test.each([
  ['5', 43],
  ['6', 86],
])('limits SHA-crypt $%s$ to 700,000 rounds', (kind, length) => {
  const at = (rounds: string) => reasonOf(`$${kind}$${rounds}saltsalt$${'.'.repeat(length)}`);
  expect(
    ['', 'rounds=1000$', 'rounds=700000$', 'rounds=700001$', 'rounds=999999999$', 'rounds=999$', 'rounds=01000$'].map(
      at,
    ),
  ).toEqual(['taken', 'taken', 'taken', 'HASH_TOO_COSTLY', 'HASH_TOO_COSTLY', 'HASH_MALFORMED', 'HASH_MALFORMED']);
});

test.each([
  ['$wp', ofBcrypt],
  ['bcrypt_sha256$', ofBcrypt],
])('limits the bcrypt within %s to a cost of 14', (prefix, hash) => {
  const at = (cost: string) => reasonOf(prefix + hash.replace('$04$', `$${cost}$`));
  expect(['03', '04', '14', '15'].map(at)).toEqual(['HASH_MALFORMED', 'taken', 'taken', 'HASH_TOO_COSTLY']);
});

test.each([
  ['PBKDF2 without iterations', `$pbkdf2-sha256$${salt}$${derived}`],
  ['PBKDF2 of 0 iterations', phc('pbkdf2-sha256', 'i=0')],
  ['PBKDF2 of -1 iterations', phc('pbkdf2-sha256', 'i=-1')],
  ['PBKDF2 of 2e5 iterations', phc('pbkdf2-sha256', 'i=2e5')],
  ['PBKDF2 whose length is not that of the hash', phc('pbkdf2-sha256', 'i=1000,l=31', `${salt}$${derived}`)],
  ['PBKDF2 with an empty hash, which every password matches', phc('pbkdf2-sha256', 'i=1000', `${salt}$`)],
  ['PBKDF2 of 15 bytes', phc('pbkdf2-sha256', 'i=1000', `${salt}$${bytes(15)}`)],
  ['PBKDF2 with a salt of 3 bytes', phc('pbkdf2-sha256', 'i=1000', `${bytes(3)}$${derived}`)],
  ['PBKDF2 with padding', phc('pbkdf2-sha256', 'i=1000', `${salt}$${derived}=`)],
  ['PBKDF2 with MD5', phc('pbkdf2-md5', 'i=1000')],
  ['scrypt with N instead of its logarithm', phc('scrypt', 'ln=16384,r=8,p=1')],
  ['scrypt of N = 1', phc('scrypt', 'ln=0,r=8,p=1')],
  ['scrypt with r = 0', phc('scrypt', 'ln=14,r=0,p=1')],
  ['scrypt with p = 0', phc('scrypt', 'ln=14,r=8,p=0')],
  ['scrypt with an empty hash', phc('scrypt', 'ln=14,r=8,p=1', `${salt}$`)],
  ["Firebase's scrypt of 15 bytes", phc('firebase-scrypt', 'ln=14,r=8,p=1', `${salt}$${bytes(15)}`)],
  ['phpass that is truncated', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L'],
  ['phpass with unused bits set', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L2'],
  ['SHA-512-crypt without a salt', `$6$$${'.'.repeat(86)}`],
  ['SHA-512-crypt with a salt of 17 characters', `$6$${'s'.repeat(17)}$${'.'.repeat(86)}`],
  ['SHA-512-crypt with the length of SHA-256', `$6$saltsalt$${'.'.repeat(43)}`],
  ['SHA-512-crypt with unused bits set', `$6$saltsalt$${'.'.repeat(85)}2`],
  ['SHA-256-crypt with unused bits set', `$5$saltsalt$${'.'.repeat(42)}E`],
  ['WordPress without bcrypt', `$wp$2x${ofBcrypt.slice(3)}`],
  ["Django's bcrypt_sha256 with one $", ofBcrypt.replace('$', 'bcrypt_sha256$')],
])('refuses %s', (_, hash) => expect(reasonOf(hash)).toBe('HASH_MALFORMED'));

test.each([
  ['a password', 'correct horse battery'],
  ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
  ["crypt's MD5", '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/'],
  ['salted SHA-1 of LDAP', '{SSHA}BGTsqUc/uzHooatb44Cat/sqhSLSGmOM'],
  ["Django's own PBKDF2 spelling, which the command line translates", `pbkdf2_sha256$600000$salt$${'a'.repeat(43)}=`],
  ["Supabase's own spelling of Firebase's scrypt", '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$AAAA$AAAA'],
  ['Argon2d, which is for other things', ofArgon2id.replace('argon2id', 'argon2d')],
  ['nothing', ''],
])('refuses %s as an unsupported hash', (_, hash) => expect(reasonOf(hash)).toBe('HASH_UNSUPPORTED'));

test('describes the fault without any part of the hash', () => {
  const faulty = [
    'hunter2',
    ofBcrypt.slice(0, -1),
    ofBcrypt.replace('$04$', '$20$'),
    `${ofArgon2id}=`,
    phc('pbkdf2-sha256', 'i=99999999', `${salt}$${derived}`),
    phc('scrypt', 'ln=30,r=8,p=1'),
  ];
  for (const hash of faulty) {
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

test.each([
  ['PBKDF2', phc('pbkdf2-sha256', 'i=10,l=32', `${salt}$${derived}`)],
  ['scrypt', phc('scrypt', 'ln=2,r=1,p=1')],
  ["Firebase's scrypt", phc('firebase-scrypt', 'ln=2,r=1,p=1')],
  ['phpass', '$P$5IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0'],
  ['SHA-crypt', `$6$rounds=1000$saltsalt$${'.'.repeat(86)}`],
])('checks every accepted hash of %s without an error, and no damaged one matches', async (_, whole) => {
  const holds = fc.asyncProperty(spoilt(whole), async (hash) => {
    fc.pre(isCheap(hash));
    return faultOfHash(hash) !== undefined || (await readHash(hash)?.verify('a password')) === false;
  });
  expect((await fc.check(holds, { numRuns: 300, examples: [[whole]] })).counterexample).toBeNull();
});

/** Whether a check takes milliseconds: accepted hashes may take a second. */
const isCheap = (hash: string) => !/i=\d{5}|ln=\d\d|[rp]=\d{3}|rounds=\d{5}|\$P\$[^5-9]/.test(hash);
