import { maxTokenLength } from './canonical.ts';
import { invalidToken } from './error.ts';
import { trimWhitespace } from './whitespace.ts';

/** Header in which a service sends its own token, in addition to the user's in `Authorization`. */
export const callerHeader = 'x-signet-caller';

/**
 * Source of headers: a `Headers` object or similar. `get` must join the values of
 * a repeated header with a comma, as `Headers` does. The guard rejects a comma,
 * because two credentials are ambiguous.
 */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * Returns the bearer token of a request (RFC 6750 section 2.1), undefined without
 * one. Tokens are read from the Authorization header only, and not validated here.
 * @throws INVALID_TOKEN if there are several credentials, or they are too long
 */
export function bearerToken(headers: HeaderSource): string | undefined {
  const value = valueOf(headers, 'authorization');
  if (value === '') return undefined;
  if (value.includes(',')) throw invalidToken('several credentials');
  const scheme = 'bearer';
  let start = scheme.length;
  if (value.slice(0, start).toLowerCase() !== scheme || value[start] !== ' ') return undefined;
  while (value[start] === ' ') start += 1;
  return value.slice(start);
}

/** Returns the calling service's token, undefined without one. @throws INVALID_TOKEN if it is too long */
export function callerToken(headers: HeaderSource): string | undefined {
  return valueOf(headers, callerHeader) || undefined;
}

/** Maximum length of a header value that is read: a token, its scheme and some whitespace. */
const maxHeaderLength = maxTokenLength + 64;

function valueOf(headers: HeaderSource, name: string): string {
  const value = headers.get(name) ?? '';
  if (value.length > maxHeaderLength) throw invalidToken('credentials are too long');
  return trimWhitespace(value);
}
