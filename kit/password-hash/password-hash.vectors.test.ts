import { expect, test } from 'vitest';
import { faultOfHash, formats, readHash } from './password-hash.ts';

/*
 * Hashes made by other implementations. Where none is named: hashlib of Python 3.11, passlib 1.7.4 and bcrypt of PyPI.
 */

const typed = 'Grüße, 🦊 und Wärme';
/** 120 bytes of UTF-8. */
const long = 'ü'.repeat(60);

/** A password, its hash, and a password that is close to it and does not match. */
const vectors: readonly (readonly [name: string, password: string, hash: string, close: string])[] = [
  [
    'PBKDF2 with SHA-1',
    typed,
    '$pbkdf2-sha1$i=1000,l=20$AAECAwQFBgcICQoLDA0ODw$7jbcb0LZEqp3Tr3o3yzb4XYEn7U',
    `${typed} `,
  ],
  [
    'PBKDF2 with SHA-256',
    typed,
    '$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$BEny8tu8Xj3HflaWZHkBhfpPGz5xqxUlf2n0cRIxbKw',
    typed.replace('ß', 'ss'),
  ],
  [
    'PBKDF2 with SHA-512',
    typed,
    '$pbkdf2-sha512$i=1000,l=64$AAECAwQFBgcICQoLDA0ODw$X7i4XTT9ODEicokzsryVgJJCVT3SCEKydLxhaRSE945bcHqNAQ9QGtxeYSLUVx1A3FCUVmnq0dVHBrRcKZ0CCg',
    typed.normalize('NFD'),
  ],
  [
    'PBKDF2 with two blocks of output and without a stated length',
    typed,
    '$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$BEny8tu8Xj3HflaWZHkBhfpPGz5xqxUlf2n0cRIxbKwKD1MFss/ZpXe1yfSXbxQXHcEu3Seg1oolZfcH6HPmow',
    typed.slice(1),
  ],
  [
    'PBKDF2 of RFC 6070',
    'passwordPASSWORDpassword',
    `$pbkdf2-sha1$i=4096,l=25$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$${of('3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038')}`,
    'passwordPASSWORDpasswor',
  ],
  [
    'scrypt of RFC 7914',
    'password',
    `$scrypt$ln=10,r=8,p=16$${Buffer.from('NaCl').toString('base64').replace(/=+$/, '')}$${of(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    )}`,
    'Password',
  ],
  [
    'scrypt with 32 MiB, as better-auth uses it',
    typed,
    '$scrypt$ln=14,r=16,p=1$AAECAwQFBgcICQoLDA0ODw$27ObMy72VK9bP9M5qlEypnKrepEvm5769do2jbUw+gvFfGpwMjsSjVptsQ2nKiqcyaKce9D8lszSYpsPnEpTlA',
    '',
  ],
  // The example of github.com/firebase/scrypt. Its signer key was XORed to the ciphertext.
  [
    "Firebase's scrypt",
    'user1password',
    '$firebase-scrypt$ln=14,r=8,p=1$42xEC+ixf3L2lwc$GjH2+Jz+dglLj5NuFkZHgBvZnv8Z8VZE5sdIgEAbIgeXy+ZfSpJLu1A++pZcpx0OhX41mDwvu2Olmp+PnfLfyQ',
    'user2password',
  ],
  // The test of openwall.com/phpass.
  ['phpass', 'test12345', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'test12346'],
  ['phpass, not ASCII', typed, '$P$5e3NtOqppSH0ibPIssI2xxV8vpFeQl0', typed.toLowerCase()],
  ["phpBB's phpass", typed, '$H$5R4XptGR4VzVZEPH97ZHb5Bndtp9kI0', typed.toLowerCase()],
  // openssl passwd -6
  [
    'SHA-512-crypt',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    'Hello world',
  ],
  // openssl passwd -5
  ['SHA-256-crypt', 'a password', '$5$openssl$vq1dWBKaEiLL2JgoMlDejI/sdAUy/tPqUdhFsVm.fZD', 'a passwore'],
  // Perl's crypt, which is glibc's
  [
    'SHA-512-crypt of nothing',
    '',
    '$6$empty$MWslJBrCvUsbDfvDkNQwBNtJFEGiZ5CHosSR8Ol/yMiSd9JINPGkSH4OfOOVEIp87YcT49Wr.Qp4a8bJCR6y2/',
    ' ',
  ],
  [
    'SHA-512-crypt with rounds, of a password longer than two digests',
    long,
    '$6$rounds=1001$abc$NXiH/9WnX1QAWknx4s2jeBbQCyACNzluWkU2dPChPnQm39k4PYBAz/UG92bpaAdY6TmFXJ.OKT.vr9dR9bigD1',
    long.slice(1),
  ],
  [
    'SHA-256-crypt with rounds, of a password longer than two digests',
    long,
    '$5$rounds=1001$abc$.zLWY7usLXVDD6dLQvSnyf13lvN97QKzHxntZ5XLHY3',
    long.slice(1),
  ],
  ["WordPress's bcrypt", typed, '$wp$2y$04$umF3slV0JtcK7pDag4R/jOmzJPXb3PZ2jTuNi.Zj4x/bZNZ/MP6fa', typed.toUpperCase()],
  [
    "Django's bcrypt_sha256, of a password longer than 72 bytes",
    long,
    'bcrypt_sha256$$2b$04$dheoZz8yEJYPdueFp5YH/OkOTs7NHjxFxwrzQKxGgFhZ.mLDI0hWi',
    long.slice(1),
  ],
  [
    'Argon2i',
    typed,
    '$argon2i$v=19$m=64,t=2,p=2$BCBEyJkTotT6H+O8V0pJaQ$3dEjzcSw1w60eGv7A+hHVMNlubwXbfbRa7LZFfPTPaU',
    typed.trimEnd().slice(0, -1),
  ],
  ['bcrypt, $2a$', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U*'],
];

test.each(vectors)('checks a hash of %s', async (_, password, hash, close) => {
  expect(faultOfHash(hash)).toBeUndefined();
  const read = readHash(hash);
  expect([await read?.verify(password), await read?.verify(close)]).toEqual([true, false]);
});

test('every format has a vector of another implementation', () => {
  const without = formats.filter(({ claims }) => !vectors.some(([, , hash]) => claims.test(hash)));
  expect(without.map(({ name }) => name)).toEqual([]);
});

test("ignores white space at the ends for WordPress's hashes only, because WordPress trims", async () => {
  const spaced = ` \t${typed}\n`;
  const matching = [];
  for (const [name, password, hash] of vectors) {
    if (password === typed && (await readHash(hash)?.verify(spaced)))
      matching.push([name, readHash(hash)?.counted?.(spaced)]);
  }
  expect(matching).toEqual([
    ['phpass, not ASCII', typed],
    ["WordPress's bcrypt", typed],
  ]);
});

test.each([
  // passlib: the hashes of 256 and of 257 characters
  ['phpass', '$P$5RW68Xn8hZEPfJndp1kynpe8TOaM/O1', '$P$5E9IGFlRYBheOhN.B0MccYU70pxYK40'],
  [
    'SHA-crypt',
    '$6$rounds=1000$92g3dlvgS4o5dn1A$otNhqQDrCBg7SUYKMhKcvNbqoFXv471EUOj0lnPylQpMT5dKwouZLBc0EQ/RDTw6z44SqZBgd1lgfakrMrxpm/',
    '$6$rounds=1000$hfl359esV1coLerg$Qb7JMjyN67KfN3WGndmObK5yV9de7RRh6zqqtAgnrqyTidXPwUfWu/Z63lGiMpWSDH09Zfn6rc4CsGpc1POAb.',
  ],
])('a password over 256 bytes never matches a hash of %s, whose cost grows with it', async (_, of256, of257) => {
  const matches = (hash: string, length: number) => readHash(hash)?.verify('x'.repeat(length));
  expect([await matches(of256, 256), await matches(of257, 257)]).toEqual([true, false]);
});

test("keeps white space at the ends for phpBB's hashes", async () => {
  // passlib: the hash of '  two before'
  const read = readHash('$P$5cR4r5SVdi9tgXQlwZJtUDRGQ0qwX40'.replace('$P$', '$H$'));
  expect([await read?.verify('  two before'), await read?.verify('two before')]).toEqual([true, false]);
});

function of(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64').replace(/=+$/, '');
}
