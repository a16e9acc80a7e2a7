import { createHash } from 'node:crypto';
import type { Secret } from '#kit/log/secret.ts';

/**
 * A refresh token is `sr1.<session>.<counter>.<mac>`. Its MAC is
 *
 *   SHA-256( the session's secret || HMAC-SHA256(server key, "<session>.<counter>") )
 *
 * Creating a token requires both the database and the server's key, and the same
 * counter always gives the same token, byte for byte. Both parts have 32 bytes, so
 * the concatenation is unambiguous. With the inner part, PostgreSQL can check a
 * token in the statement that uses it.
 */
export interface RefreshToken {
  readonly sessionId: string;
  readonly counter: number;
  readonly mac: Buffer<ArrayBuffer>;
}

/** Computes the inner part of a MAC with the server's key. */
export type InnerMac = (text: string) => Buffer<ArrayBuffer>;

const form =
  /^sr1\.([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.(0|[1-9]\d{0,8})\.([A-Za-z0-9_-]{43})$/;

/** Parses a token; undefined if it is malformed or not canonical. */
export function parseRefreshToken(token: string): RefreshToken | undefined {
  const found = form.exec(token);
  if (!found) return undefined;
  const [, sessionId = '', counter = '', encoded = ''] = found;
  const mac = Buffer.from(encoded, 'base64url');
  // 43 base64url characters have two spare bits: only one of four encodings is canonical.
  if (mac.toString('base64url') !== encoded) return undefined;
  return { sessionId, counter: Number(counter), mac };
}

/** The inner part of a token's MAC. */
export function innerMac(inner: InnerMac, { sessionId, counter }: Omit<RefreshToken, 'mac'>): Buffer<ArrayBuffer> {
  return inner(`${sessionId}.${counter}`);
}

/** Formats the token of a session's counter. */
export function formatRefreshToken(
  inner: InnerMac,
  sessionId: string,
  counter: number,
  secret: Secret<Uint8Array>,
): string {
  const mac = createHash('sha256')
    .update(secret.reveal())
    .update(innerMac(inner, { sessionId, counter }))
    .digest('base64url');
  return `sr1.${sessionId}.${counter}.${mac}`;
}
