import { invalidToken } from './error.ts';

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
  // Spaces and tabs alone are not part of a field value (RFC 9110 section 5.5); trim() would take more.
  const value = headers.get('authorization')?.replaceAll(/^[ \t]+|[ \t]+$/g, '');
  if (value === undefined || value === '') return undefined;
  if (value.includes(',')) throw invalidToken('two credentials');
  const [, scheme, token] = /^(\S+)(?: +(.*))?$/.exec(value) ?? [];
  return scheme?.toLowerCase() === 'bearer' ? token : undefined;
}

/** The calling service's token; undefined without one. */
export function callerToken(headers: HeaderSource): string | undefined {
  return headers.get(callerHeader)?.trim() || undefined;
}
