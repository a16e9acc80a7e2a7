import { invalidToken } from './error.ts';
import { isObject, parseStrictly } from './json.ts';

/** Longest token that is looked at, in characters. */
export const maxTokenLength = 8_192;

/** Longest `kid` that is looked up, in characters. */
export const maxKeyIdLength = 128;

/** What a token must say of itself. */
export interface TokenForm {
  /** Values of `alg` that are accepted. */
  readonly algorithms: readonly string[];
  /** Values of `typ` that are accepted, in lower case without `application/`; `''` accepts a token without one. */
  readonly types: readonly string[];
}

/** The header of a token in canonical form. Nothing in it is authenticated yet. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string;
}

// Base64url of whole bytes, without padding, whose unused bits are zero: the one
// spelling that an encoder gives (RFC 4648 sections 3.2, 3.5 and 5).
const segment = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/**
 * Checks the form of a compact JWS before any cryptography, so that a token has
 * one spelling and only what is expected costs anything. `jwk`, `jku`, `x5u` and
 * `x5c` are not looked at: keys come from configuration (RFC 8725 section 3.10).
 * Throws INVALID_TOKEN.
 */
export function readCanonical(token: string, form: TokenForm): TokenHeader {
  if (token.length > maxTokenLength) throw invalidToken('longer than 8 KiB');
  const segments = token.split('.');
  if (segments.length !== 3) throw invalidToken('not three segments');
  if (segments.some((part) => part === '')) throw invalidToken('an empty segment');
  if (!segments.every((part) => segment.test(part))) throw invalidToken('not canonical base64url');
  return readHeader(segments[0] ?? '', form);
}

function readHeader(encoded: string, form: TokenForm): TokenHeader {
  let header: unknown;
  try {
    header = parseStrictly(Buffer.from(encoded, 'base64url'));
  } catch (error) {
    throw invalidToken('the header is not JSON, or has a name twice', error);
  }
  if (!isObject(header)) throw invalidToken('the header is not an object');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !form.algorithms.includes(alg)) throw invalidToken('alg is not one of ours');
  if (typeof kid !== 'string' || kid === '' || kid.length > maxKeyIdLength)
    throw invalidToken('no kid, or no good one');
  if (!form.types.includes(typeOf(typ))) throw invalidToken('typ is not one of ours');
  // Extensions that must be understood (RFC 7515 section 4.1.11), and RFC 7797's
  // unencoded payload, which changes what is signed: none is understood here.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw invalidToken('crit or b64');
  return { alg, kid };
}

/** A media type, letter case and the prefix that may be left out not counting (RFC 7515 section 4.1.9). */
function typeOf(typ: unknown): string {
  if (typ === undefined) return '';
  if (typeof typ !== 'string' || typ === '') throw invalidToken('typ is not a media type');
  return typ.toLowerCase().replace(/^application\//, '');
}
