/** Key type and curve of each signature algorithm in a JWKS (RFC 7518 section 3.1, RFC 8037). */
export const publicKeyAlgorithms = {
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
} as const satisfies Record<string, { kty: string; crv?: string }>;

/** An asymmetric algorithm, whose keys can be published. */
export type PublicKeyAlgorithm = keyof typeof publicKeyAlgorithms;

/**
 * A signature algorithm that the guard supports. HS256 is only for one process
 * that both issues and verifies, because a verifier with the key can also sign.
 */
export type Algorithm = PublicKeyAlgorithm | 'HS256';

/**
 * Checks a configured list of algorithms.
 * @throws Error if the list is empty, has an unknown algorithm, or mixes HS256 with others: a public key could then be
 * used as a shared secret (RFC 8725 section 2.1)
 */
export function checkAlgorithms(algorithms: readonly string[]): void {
  const unknown = algorithms.filter((name) => name !== 'HS256' && !Object.hasOwn(publicKeyAlgorithms, name));
  if (algorithms.length === 0) throw new Error('The guard needs at least one algorithm.');
  if (unknown.length > 0) throw new Error(`Unknown algorithms: ${unknown.join(', ')}.`);
  if (algorithms.includes('HS256') && algorithms.length > 1)
    throw new Error('HS256 cannot be combined with other algorithms.');
}
