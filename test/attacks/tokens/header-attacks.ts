import { createHmac, createPublicKey, generateKeyPairSync, KeyObject, sign } from 'node:crypto';
import { encode, headerOf, type Rig, signText } from '../rig.ts';
import { type Attack, forged, split } from './attack.ts';

/** A valid signature under a wrong header. */
function withHeader(
  name: string,
  change: (rig: Rig, trap: string) => Record<string, unknown>,
  more: Partial<Attack> = {},
) {
  const make: Parameters<typeof forged>[1] = (rig, { trap }) =>
    rig.mint(rig.claims(), { ...headerOf(rig.key), ...change(rig, trap) });
  return forged(name, make, more);
}

/** Not signed (RFC 7519 section 6). */
function unsigned(alg: unknown, signature: (rig: Rig) => string = () => ''): Attack {
  return forged(`alg ${JSON.stringify(alg)}${signature({} as Rig) === '' ? '' : ', with a signature'}`, (rig) =>
    [encode(JSON.stringify({ ...headerOf(rig.key), alg })), encode(JSON.stringify(rig.claims())), signature(rig)].join(
      '.',
    ),
  );
}

/** Signed with a public value as the secret (RFC 8725 section 2.1). */
function confused(name: string, secretOf: (key: KeyObject, rig: Rig) => string | Buffer, alg = 'HS256'): Attack {
  return forged(`${alg} under ${name}`, (rig) => {
    const secret = secretOf(createPublicKey({ key: rig.key.jwk, format: 'jwk' }), rig);
    const input = `${encode(JSON.stringify({ ...headerOf(rig.key), alg }))}.${encode(JSON.stringify(rig.claims()))}`;
    return `${input}.${createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')}`;
  });
}

/** Another RSA algorithm with the configured key. */
function otherRsa(alg: string, hash: string, isPss = false): Attack {
  return forged(`${alg} by the RS256 key`, (rig) => {
    const input = `${encode(JSON.stringify({ ...headerOf(rig.key), alg }))}.${encode(JSON.stringify(rig.claims()))}`;
    const key = KeyObject.from(rig.key.privateKey);
    const pss = { padding: 6, saltLength: Number(hash.slice(3)) / 8 };
    return `${input}.${encode(sign(hash, Buffer.from(input), { key, ...(isPss ? pss : {}) }))}`;
  });
}

const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangersJwk = stranger.publicKey.export({ format: 'jwk' });

/** Signed by a key of the attacker that the header contains or refers to. */
function attackerKey(name: string, change: (trap: string, rig: Rig) => Record<string, unknown>): Attack {
  return forged(name, (rig, { trap }) => {
    const header = { ...headerOf(rig.key), ...change(trap, rig) };
    const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(rig.claims()))}`;
    return `${input}.${encode(sign('sha256', Buffer.from(input), stranger.privateKey))}`;
  });
}

function text(name: string, header: (rig: Rig) => string): Attack {
  return forged(name, (rig) => signText(header(rig), JSON.stringify(rig.claims()), rig.key));
}

const pem = (key: KeyObject, type: 'spki' | 'pkcs1') => key.export({ type, format: 'pem' }).toString();
const x5c = [stranger.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];

/** Attacks through the header of a token. */
export const headerAttacks: readonly Attack[] = [
  ...['none', 'None', 'NONE', 'nOnE', '', null].map((alg) => unsigned(alg)),
  ...['none', 'NONE'].map((alg) => unsigned(alg, () => 'AAAA')),
  withHeader('alg missing', () => ({ alg: undefined })),
  withHeader('alg a list', () => ({ alg: ['RS256'] })),
  withHeader('alg an object', () => ({ alg: { RS256: true } })),
  withHeader('alg a number', () => ({ alg: 256 })),
  withHeader('alg in lower case', () => ({ alg: 'rs256' })),
  withHeader('alg with a space', () => ({ alg: 'RS256 ' })),
  withHeader('alg a property of every object', () => ({ alg: 'constructor' })),
  withHeader('alg PS256 over an RS256 signature', () => ({ alg: 'PS256' })),
  otherRsa('RS384', 'sha384'),
  otherRsa('RS512', 'sha512'),
  otherRsa('PS256', 'sha256', true),
  forged('ES256 by a published ES256 key', (rig) => by(rig, 'ES256')),
  forged('EdDSA by a published EdDSA key', (rig) => by(rig, 'EdDSA')),
  forged('RS256 in name, by a published ES256 key', (rig) => by(rig, 'ES256', { alg: 'RS256' })),
  confused('the public key as PEM', (key) => pem(key, 'spki')),
  confused('the public key as PEM without its last newline', (key) => pem(key, 'spki').trimEnd()),
  confused('the public key as PEM of PKCS #1', (key) => pem(key, 'pkcs1')),
  confused('the public key as PEM with CRLF', (key) => pem(key, 'spki').replaceAll('\n', '\r\n')),
  confused('the public key as one line of PEM', (key) => pem(key, 'spki').replaceAll(/-.*-|\n/g, '')),
  confused('the public key as DER', (key) => key.export({ type: 'spki', format: 'der' })),
  confused('the public key as DER of PKCS #1', (key) => key.export({ type: 'pkcs1', format: 'der' })),
  confused('the public key as JWK', (_, rig) => JSON.stringify(rig.key.jwk)),
  confused('the modulus', (_, rig) => Buffer.from(rig.key.jwk.n ?? '', 'base64url')),
  confused('the kid', (_, rig) => rig.key.kid),
  confused('nothing', () => ''),
  confused('the public key as PEM', (key) => pem(key, 'spki'), 'HS384'),
  confused('the public key as PEM', (key) => pem(key, 'spki'), 'HS512'),
  withHeader('kid missing', () => ({ kid: undefined })),
  ...[
    '',
    'unknown',
    '../../etc/passwd',
    "x' OR '1'='1",
    '__proto__',
    'constructor',
    'toString',
    'file:///dev/null',
  ].map((kid) => withHeader(`kid ${JSON.stringify(kid)}`, () => ({ kid }))),
  withHeader('kid a number', () => ({ kid: 1 })),
  withHeader('kid null', () => ({ kid: null })),
  withHeader('kid a list', ({ key }) => ({ kid: [key.kid] })),
  withHeader('kid with a trailing NUL', ({ key }) => ({ kid: `${key.kid}\0` })),
  withHeader('kid in upper case', ({ key }) => ({ kid: key.kid.toUpperCase() })),
  withHeader('kid the URL of a key set', (_, trap) => ({ kid: trap })),
  withHeader('kid of 129 characters', () => ({ kid: 'k'.repeat(129) })),
  withHeader('kid of 64 KiB', () => ({ kid: 'k'.repeat(65_536) }), { tooLarge: true }),
  withHeader('kid of a published key of another type', ({ otherKeys }) => ({ kid: otherKeys[0]?.kid })),
  attackerKey("an attacker's key", () => ({})),
  attackerKey("an attacker's key under its own kid", () => ({ kid: 'attacker' })),
  attackerKey('jwk', () => ({ jwk: strangersJwk })),
  attackerKey('jwk with the kid of a published key', (_, { key }) => ({ jwk: { ...strangersJwk, kid: key.kid } })),
  attackerKey('jku', (trap) => ({ jku: trap })),
  attackerKey('jku and an unknown kid', (trap) => ({ jku: trap, kid: 'attacker' })),
  attackerKey('x5u', (trap) => ({ x5u: trap })),
  attackerKey('x5c', () => ({ x5c })),
  withHeader('crit with an unknown name', () => ({ crit: ['signet'], signet: true })),
  withHeader('crit with a registered claim name', () => ({ crit: ['exp'], exp: 1 })),
  withHeader('crit empty', () => ({ crit: [] })),
  withHeader('crit null', () => ({ crit: null })),
  withHeader('b64 true', () => ({ b64: true })),
  withHeader('b64 false', () => ({ b64: false })),
  forged('b64 false in crit, signed as RFC 7797 says', (rig) => {
    const header = encode(JSON.stringify({ ...headerOf(rig.key), b64: false, crit: ['b64'] }));
    const payload = encode(JSON.stringify(rig.claims()));
    const input = Buffer.concat([Buffer.from(`${header}.`), Buffer.from(payload, 'base64url')]);
    return `${header}.${payload}.${encode(sign('sha256', input, KeyObject.from(rig.key.privateKey)))}`;
  }),
  withHeader('typ missing', () => ({ typ: undefined })),
  ...['', 'JWT', 'refresh+jwt', 'text/at+jwt', 'at+jwt; a=b', 'at+jwt '].map((typ) =>
    withHeader(`typ ${JSON.stringify(typ)}`, () => ({ typ })),
  ),
  withHeader('typ a list', () => ({ typ: ['at+jwt'] })),
  withHeader('typ a number', () => ({ typ: 1 })),
  text('alg twice in the header', ({ key }) => `{"alg":"none","alg":"RS256","kid":"${key.kid}","typ":"at+jwt"}`),
  text(
    'kid twice in the header, once escaped',
    ({ key }) => String.raw`{"alg":"RS256","\u006bid":"x","kid":"${key.kid}","typ":"at+jwt"}`,
  ),
  text('the header a list', ({ key }) => JSON.stringify([headerOf(key)])),
  text('the header a string', () => '"RS256"'),
  text('the header null', () => 'null'),
  text('the header not JSON', ({ key }) => `{alg:"RS256",kid:"${key.kid}",typ:"at+jwt"}`),
  text('a byte order mark before the header', ({ key }) => `\uFEFF${JSON.stringify(headerOf(key))}`),
  text('text after the header', ({ key }) => `${JSON.stringify(headerOf(key))}{}`),
  text('the header nested 500 deep', ({ key }) =>
    JSON.stringify(headerOf(key)).replace(/\}$/, `,"x":${'['.repeat(500)}${']'.repeat(500)}}`),
  ),
  forged('the header of another key', (rig) => {
    const [, payload, signature] = split(rig.mint());
    return `${split(by(rig, 'ES256'))[0]}.${payload}.${signature}`;
  }),
];

/** A valid token of an algorithm that is not configured. */
function by(rig: Rig, alg: string, change: Record<string, unknown> = {}): string {
  const key = rig.otherKeys.find((one) => one.alg === alg) ?? rig.key;
  return signText(JSON.stringify({ ...headerOf(key), ...change }), JSON.stringify(rig.claims()), key);
}
