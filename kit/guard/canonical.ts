import { invalidToken } from './error.ts';
import { isObject, parseStrictly } from './json.ts';

/** Maximum length of a token, in characters. */
export const maxTokenLength = 8_192;

/** Maximum length of a `kid`, in characters. */
export const maxKeyIdLength = 128;

/** Header values that are accepted. */
export interface TokenForm {
  /** Accepted values of `alg`. */
  readonly algorithms: readonly string[];
  /** Accepted values of `typ`, in lower case without `application/`. `''` accepts a token without `typ`. */
  readonly types: readonly string[];
}

/** The header of a token in canonical form. It is not authenticated yet. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string;
}

// Canonical base64url: whole bytes, no padding, unused bits zero (RFC 4648
// sections 3.2, 3.5 and 5).
const segment = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/**
 * Checks the form of a compact JWS before any cryptography. A token then has only
 * one valid encoding, and unexpected input is cheap to reject. `jwk`, `jku`, `x5u`
 * and `x5c` are ignored: keys come from configuration (RFC 8725 section 3.10).
 * @throws INVALID_TOKEN
 */
export function readCanonical(token: string, form: TokenForm): TokenHeader {
  if (token.length > maxTokenLength) throw invalidToken('longer than 8 KiB');
  const segments = token.split('.');
  if (segments.length !== 3) throw invalidToken('not three segments');
  if (segments.some((part) => part === '')) throw invalidToken('empty segment');
  if (!segments.every((part) => segment.test(part))) throw invalidToken('not canonical base64url');
  return readHeader(segments[0] ?? '', form);
}

function readHeader(encoded: string, form: TokenForm): TokenHeader {
  let header: unknown;
  try {
    header = parseStrictly(Buffer.from(encoded, 'base64url'));
  } catch (error) {
    throw invalidToken('the header is not JSON or has a duplicate name', error);
  }
  if (!isObject(header)) throw invalidToken('the header is not an object');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !form.algorithms.includes(alg)) throw invalidToken('alg is not accepted');
  if (typeof kid !== 'string' || kid === '' || kid.length > maxKeyIdLength)
    throw invalidToken('missing or invalid kid');
  if (!form.types.includes(typeOf(typ))) throw invalidToken('typ is not accepted');
  // Critical extensions (RFC 7515 section 4.1.11) and the unencoded payload of RFC
  // 7797, which changes what is signed, are not supported.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw invalidToken('crit or b64');
  return { alg, kid };
}

/** Normalizes `typ`: lower case, without the optional `application/` (RFC 7515 section 4.1.9). */
function typeOf(typ: unknown): string {
  if (typ === undefined) return '';
  if (typeof typ !== 'string' || typ === '') throw invalidToken('typ is not a media type');
  return typ.toLowerCase().replace(/^application\//, '');
}
