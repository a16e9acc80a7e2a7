import { encode, headerOf, type Rig } from '../rig.ts';
import { type Attack, forged, type AttackContext, split } from './attack.ts';

/** A valid access token with changed text. */
function mangled(
  name: string,
  change: (token: string, context: AttackContext, rig: Rig) => string,
  more: Partial<Attack> = {},
) {
  return forged(name, (rig, context) => change(rig.login.access_token, context, rig), more);
}

/** A valid access token with changed signature bytes. */
function resigned(name: string, change: (signature: Buffer, rig: Rig) => Buffer): Attack {
  return mangled(name, (token, _, rig) => {
    const [header, payload, signature] = split(token);
    return `${header}.${payload}.${encode(change(Buffer.from(signature, 'base64url'), rig))}`;
  });
}

function lines(
  name: string,
  make: (token: string, context: AttackContext) => readonly string[],
  reason?: Attack['reason'],
): Attack {
  const made: Attack['lines'] = (rig, context) => make(rig.login.access_token, context);
  return { name, lines: made, ...(reason ? { reason } : {}) };
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The same bytes with another last character: base64url leaves its lowest bits unused. */
function otherBits(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const at = alphabet.indexOf(segment.at(-1) ?? '');
  return `${segment.slice(0, -1)}${alphabet[at ^ 1]}`;
}

/** A token whose given segment has unused bits. The claims grow by a byte until it does. */
function withUnusedBits(rig: Rig, segment: 0 | 1): string {
  for (let pad = 0; ; pad += 1) {
    const filler = { x: 'x'.repeat(pad) };
    const token = rig.mint({ ...rig.claims(), ...filler }, { ...headerOf(rig.key), ...filler });
    const parts = split(token);
    if (parts[segment].length % 4 === 0) continue;
    parts[segment] = otherBits(parts[segment]);
    return parts.join('.');
  }
}

/** The big-endian bytes of a number, at least 256. */
function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(Math.max(512, hex.length + (hex.length % 2)), '0'), 'hex');
}

const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);

/** Attacks through the form of a token and of its header. */
export const formAttacks: readonly Attack[] = [
  ...['.', '..', '...', 'x', 'null', 'undefined', '[object Object]', '%00'].map((token) =>
    forged(`the token ${token}`, () => token),
  ),
  mangled('no signature', (token) => token.slice(0, token.lastIndexOf('.'))),
  mangled('an empty signature', (token) => token.slice(0, token.lastIndexOf('.') + 1)),
  mangled('no header', (token) => token.slice(token.indexOf('.'))),
  mangled('no payload', (token) => `${split(token)[0]}..${split(token)[2]}`),
  mangled('a fourth segment', (token) => `${token}.${split(token)[2]}`),
  mangled('a trailing dot', (token) => `${token}.`),
  mangled('a leading dot', (token) => `.${token}`),
  mangled(
    'a JWE of five segments',
    (token) => `${encode('{"alg":"dir","enc":"A256GCM"}')}..${encode('iv')}.${split(token)[1]}.${encode('tag')}`,
  ),
  mangled('a JWE nested in a JWS header', (token) =>
    [encode('{"alg":"RSA-OAEP","enc":"A256GCM","typ":"at+jwt"}'), ...split(token).slice(1)].join('.'),
  ),
  mangled('a flattened JWS in JSON', (token) => {
    const [header, payload, signature] = split(token);
    return JSON.stringify({ payload, protected: header, signature });
  }),
  mangled('a general JWS in JSON', (token) => {
    const [header, payload, signature] = split(token);
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
  }),
  mangled('truncated by one character', (token) => token.slice(0, -1)),
  mangled('truncated by four characters', (token) => token.slice(0, -4)),
  mangled('truncated to half', (token) => token.slice(0, token.length / 2)),
  resigned('a signature of half its bytes', (bytes) => bytes.subarray(0, 128)),
  resigned('a signature of one byte', (bytes) => bytes.subarray(0, 1)),
  resigned('a signature of zeros', (bytes) => Buffer.alloc(bytes.length)),
  resigned('a signature of 0xff', (bytes) => Buffer.alloc(bytes.length, 0xff)),
  resigned('a signature of 1', (bytes) => bytesOf(1n).subarray(-bytes.length)),
  resigned('a signature with a leading zero byte', (bytes) => Buffer.concat([Buffer.of(0), bytes])),
  resigned('a signature with a trailing byte', (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
  ...[0, 100, 255].map((at) => resigned(`byte ${at} of the signature flipped`, (bytes) => flip(bytes, at))),
  forged('the signature plus the modulus', (rig) => malleable(rig, (s, n) => s + n)),
  forged('the modulus minus the signature', (rig) => malleable(rig, (s, n) => n - s)),
  mangled('a bit of the header flipped', (token) => {
    const [header, payload, signature] = split(token);
    return `${encode(flip(Buffer.from(header, 'base64url'), 10))}.${payload}.${signature}`;
  }),
  mangled('a bit of the payload flipped', (token) => {
    const [header, payload, signature] = split(token);
    return `${header}.${encode(flip(Buffer.from(payload, 'base64url'), 20))}.${signature}`;
  }),
  mangled('the payload of another user', (token, { other }) =>
    [split(token)[0], split(other)[1], split(token)[2]].join('.'),
  ),
  mangled('the signature of another user', (token, { other }) =>
    [...split(token).slice(0, 2), split(other)[2]].join('.'),
  ),
  mangled('roles of an admin in the payload', (token) => {
    const [header, payload, signature] = split(token);
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return `${header}.${encode(JSON.stringify({ ...claims, roles: ['admin'] }))}.${signature}`;
  }),
  mangled('the segments in another order', (token) => split(token).toReversed().join('.')),
  mangled('trailing padding', (token) => `${token}==`),
  mangled('padding in every segment', (token) =>
    split(token)
      .map((part) => part.padEnd(Math.ceil(part.length / 4) * 4 + 4, '='))
      .join('.'),
  ),
  mangled('other unused bits in the signature', (token) =>
    [...split(token).slice(0, 2), otherBits(split(token)[2])].join('.'),
  ),
  forged('other unused bits in the header', (rig) => withUnusedBits(rig, 0)),
  forged('other unused bits in the payload', (rig) => withUnusedBits(rig, 1)),
  forged('the alphabet of plain base64', (rig) => {
    for (;;) {
      const token = rig.mint();
      if (/[-_]/.test(token)) return token.replaceAll('-', '+').replaceAll('_', '/');
    }
  }),
  mangled('dots percent-encoded', (token) => token.replaceAll('.', '%2E')),
  mangled('in quotes', (token) => `"${token}"`),
  mangled('in angle brackets', (token) => `<${token}>`),
  mangled('a space inside', (token) => token.replace('.', '. ')),
  mangled('a tab inside', (token) => token.replace('.', '.\t')),
  mangled('a trailing non-ASCII space', (token) => `${token}\u00a0`),
  mangled('a trailing comma', (token) => `${token},`),
  mangled('in upper case', (token) => token.toUpperCase()),
  mangled('twice without a separator', (token) => token + token),
  mangled('the scheme twice', (token) => `Bearer ${token}`),
  mangled('a refresh token', (_, __, rig) => rig.login.refresh_token),
  mangled('a CSRF token', (_, __, rig) => rig.login.csrf_token),
  mangled("a service's own token", (_, { caller }) => caller),
  lines('two headers, both good', (token) => [`Bearer ${token}`, `Bearer ${token}`]),
  lines('two headers, the first good', (token) => [`Bearer ${token}`, 'Bearer x.y.z']),
  lines('two headers, the second good', (token) => ['Bearer x.y.z', `Bearer ${token}`]),
  lines('two headers, the first of another scheme', (token) => ['Basic YTpi', `Bearer ${token}`]),
  lines('two headers of two users', (token, { other }) => [`Bearer ${token}`, `Bearer ${other}`]),
  lines('two tokens joined by a comma', (token) => [`Bearer ${token}, Bearer ${token}`]),
  lines('parameters after the token', (token) => [`Bearer ${token}, realm="signet"`]),
  lines('two schemes', (token) => [`Basic YTpi, Bearer ${token}`]),
  lines('no Authorization header', () => [], 'TOKEN_REQUIRED'),
  lines('an empty header', () => [''], 'TOKEN_REQUIRED'),
  lines('the scheme alone', () => ['Bearer'], 'TOKEN_REQUIRED'),
  lines('the token alone', (token) => [token], 'TOKEN_REQUIRED'),
  lines('Basic', (token) => [`Basic ${token}`], 'TOKEN_REQUIRED'),
  lines('DPoP', (token) => [`DPoP ${token}`], 'TOKEN_REQUIRED'),
  lines('a scheme that starts with Bearer', (token) => [`BearerToken ${token}`], 'TOKEN_REQUIRED'),
  lines('a colon after the scheme', (token) => [`Bearer: ${token}`], 'TOKEN_REQUIRED'),
  lines('a tab after the scheme', (token) => [`Bearer\t${token}`], 'TOKEN_REQUIRED'),
];

/** A token whose signature RSA could take for the same number, or for its negative. */
function malleable(rig: Rig, change: (signature: bigint, modulus: bigint) => bigint): string {
  const modulus = numberOf(Buffer.from(rig.key.jwk.n ?? '', 'base64url'));
  let token = '';
  // The sum fits into 256 bytes for some signatures only, so a few are tried.
  for (let tries = 0; tries < 50; tries += 1) {
    const [header, payload, signature] = split(rig.mint());
    const changed = bytesOf(change(numberOf(Buffer.from(signature, 'base64url')), modulus));
    token = `${header}.${payload}.${encode(changed)}`;
    if (changed.length === 256) break;
  }
  return token;
}
