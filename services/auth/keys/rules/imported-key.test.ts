import { checkPrimeSync, createPrivateKey, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, jwtVerify, importJWK, exportJWK } from 'jose';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { violationsOf } from '#kit/errors/failure.ts';
import { Secret } from '#kit/log/secret.ts';
import { createMasterKey } from '../../secrets/rules/master-key.ts';
import { importSigningKey } from './imported-key.ts';
import { openSigner, type SigningAlgorithm } from './signing-key.ts';

const master = createMasterKey(new Secret(randomBytes(32)));

const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey;
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const strong = rsa(2_048);
const p256 = ec('P-256');
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const pemOf = (key: typeof strong, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') =>
  String(key.export({ type, format: 'pem' }));

test.each([
  ['RS256', 'pkcs8', strong],
  ['RS256', 'pkcs1', strong],
  ['PS256', 'pkcs8', strong],
  ['RS256', 'pkcs8', rsa(3_072)],
  ['ES256', 'pkcs8', p256],
  ['ES256', 'sec1', p256],
  ['EdDSA', 'pkcs8', ed25519],
] as const)('a key for %s in %s signs, and its kid is the thumbprint of RFC 7638', async (alg, type, key) => {
  const stored = await importSigningKey(pemOf(key, type), alg, master);
  expect(stored.kid).toBe(await calculateJwkThumbprint(await exportJWK(key)));
  expect(Object.keys(stored.publicJwk).toSorted()).not.toContain('d');
  const token = await (await openSigner(stored, master)).sign({ sub: 'ada' });
  const { payload, protectedHeader } = await jwtVerify(token, await importJWK(stored.publicJwk, alg));
  expect([payload.sub, protectedHeader.kid]).toEqual(['ada', stored.kid]);
  // Sealed under the master key, not stored as it is.
  expect(Buffer.from(stored.sealedPrivate).includes('PRIVATE KEY')).toBe(false);
  const other = createMasterKey(new Secret(randomBytes(32)));
  await expect(openSigner(stored, other)).rejects.toThrow('another SIGNET_MASTER_KEY');
});

/** An RSA key as RSALib made them: its primes are powers of 65537 modulo small primes. */
function rocaKey() {
  const small = Array.from({ length: 168 }, (_, n) => n).filter((n) => n > 2 && checkPrimeSync(BigInt(n)));
  const m = small.reduce((product, n) => product * BigInt(n), 1n);
  const prime = () => {
    const rem = 65_537n ** BigInt(randomBytes(1)[0]!) % m;
    // Modulo 2m and odd, as every such prime is.
    return generatePrimeSync(1_024, { add: 2n * m, rem: rem % 2n === 1n ? rem : rem + m, bigint: true });
  };
  let [p, q] = [prime(), prime()];
  // The product of two numbers of 1024 bits may have 2047.
  while ((p * q) >> 2_047n === 0n) [p, q] = [prime(), prime()];
  const e = 65_537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const jwk = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64url(value)]));
  return createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
}

function inverse(of: bigint, modulo: bigint): bigint {
  let [a, b, x, y] = [of % modulo, modulo, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return ((x % modulo) + modulo) % modulo;
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

const locked = String(
  strong.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }),
);
const lockedOld = String(
  strong.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }),
);
const publicPem = String(generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
const damaged = pemOf(strong).replace(/^[A-Za-z0-9+/]{64}$/m, (line) => `AAAA${line.slice(4)}`);

/** A key whose private exponent belongs to another key. */
function mixedKey() {
  const [one, other] = [strong, rsa(2_048)].map((key) => key.export({ format: 'jwk' }));
  return createPrivateKey({ key: { ...other, n: one?.n ?? '', e: one?.e ?? '' }, format: 'jwk' });
}

test.each<[string, SigningAlgorithm, string, RegExp]>([
  ['an RSA key of 2047 bits', 'RS256', pemOf(rsa(2_047)), /has 2047 bits; it needs at least 2048/],
  ['an RSA key of 1024 bits', 'PS256', pemOf(rsa(1_024)), /has 1024 bits/],
  ['a small public exponent', 'RS256', pemOf(rsa(2_048, 3)), /exponent of the RSA key must be at least 65537/],
  ['a ROCA key', 'RS256', pemOf(rocaKey()), /ROCA/],
  ['an RSA key for PSS only', 'PS256', pemOf(pssKey()), /needs an RSA key/],
  ['an EC key for RS256', 'RS256', pemOf(p256), /SIGNET_ALG is RS256, which needs an RSA key/],
  ['another curve', 'ES256', pemOf(ec('P-384')), /needs an EC key on the curve P-256/],
  ['the curve of Bitcoin', 'ES256', pemOf(ec('secp256k1')), /needs an EC key on the curve P-256/],
  ['Ed448', 'EdDSA', pemOf(generateKeyPairSync('ed448').privateKey), /needs an Ed25519 key/],
  ['X25519', 'EdDSA', pemOf(generateKeyPairSync('x25519').privateKey), /needs an Ed25519 key/],
  ['any key for HS256', 'HS256', pemOf(strong), /which has no key pair/],
  ['an encrypted PKCS#8 key', 'RS256', locked, /is encrypted. openssl pkey/],
  ['an encrypted PKCS#1 key', 'RS256', lockedOld, /is encrypted. openssl pkey/],
  ['a public key', 'EdDSA', publicPem, /has a public key, but no private key/],
  ['a certificate', 'RS256', '-----BEGIN CERTIFICATE-----\n', /has a certificate, but no private key/],
  ['a key of OpenSSH', 'EdDSA', '-----BEGIN OPENSSH PRIVATE KEY-----\n', /ssh-keygen -p -m PKCS8/],
  ['several private keys', 'RS256', pemOf(strong) + pemOf(strong), /several private keys/],
  ['a damaged key', 'RS256', damaged, /is damaged/],
  ['parts of two keys', 'RS256', pemOf(mixedKey()), /is damaged/],
  ['other text', 'RS256', 'hunter2', /no private key in PEM format/],
])('refuses %s in a sentence that names the field and quotes nothing', async (_, alg, pem, sentence) => {
  const error = await importSigningKey(pem, alg, master).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const [violation] = violationsOf(error);
  expect([violation?.field, violation?.description]).toEqual(['pem', expect.stringMatching(sentence)]);
  for (const line of pem.split('\n').filter((text) => /^[A-Za-z0-9+/=]{20,}$/.test(text))) {
    expect(inspect(error)).not.toContain(line);
  }
});

function pssKey() {
  return generateKeyPairSync('rsa-pss', { modulusLength: 2_048 }).privateKey;
}
