import { maxTokenLength } from './canonical.ts';
import { invalidToken } from './error.ts';
import { trimWhitespace } from './whitespace.ts';

/** Header in which a service sends a token of its own, beside the user's. */
export const callerHeader = 'x-signet-caller';

/**
 * Where credentials are read: a Headers object, or anything like it. `get` must
 * join a header that came twice by a comma, as Headers does; a comma is then
 * refused, for two credentials are two answers to who is calling.
 */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * The bearer token of a request (RFC 6750 section 2.1); tokens anywhere else are
 * not looked for. Undefined without one. Throws INVALID_TOKEN where there are
 * two; whether the one is a token is for the verifier to say.
 */
export function bearerToken(headers: HeaderSource): string | undefined {
  const value = valueOf(headers, 'authorization');
  if (value === '') return undefined;
  if (value.includes(',')) throw invalidToken('two credentials');
  const scheme = 'bearer';
  let start = scheme.length;
  if (value.slice(0, start).toLowerCase() !== scheme || value[start] !== ' ') return undefined;
  while (value[start] === ' ') start += 1;
  return value.slice(start);
}

/** The calling service's token; undefined without one. @throws INVALID_TOKEN where it is longer than a token may be */
export function callerToken(headers: HeaderSource): string | undefined {
  return valueOf(headers, callerHeader) || undefined;
}

/** Longest value that is read: a token, its scheme, and some space. What is longer costs a comparison. */
const longest = maxTokenLength + 64;

function valueOf(headers: HeaderSource, name: string): string {
  const value = headers.get(name) ?? '';
  if (value.length > longest) throw invalidToken('longer than any credentials');
  return trimWhitespace(value);
}
