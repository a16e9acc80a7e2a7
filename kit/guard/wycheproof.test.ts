import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leftOut } from '#kit/testing/programs.ts';
import { refusalReasonOf } from './error.ts';
import { localJwks } from './jwks.ts';
import type { KeySource } from './keys.ts';
import { sharedSecret } from './shared-secret.ts';
import { verifySignature } from './signature.ts';

/*
 * Runs Wycheproof's vectors for JWS and JWK (github.com/C2SP/wycheproof, testvectors)
 * through the guard's checks below the claims: canonical form, key checks and
 * signature. They are not part of this project; WYCHEPROOF_DIR is their directory.
 */
const folder = process.env['WYCHEPROOF_DIR'] ?? resolve(import.meta.dirname, '../../../shared/testdata/wycheproof');

interface Jwk {
  readonly kty?: string;
  readonly keys?: readonly Jwk[];
}
interface Vector {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid';
  readonly jws?: unknown;
  readonly jwe?: unknown;
}
interface Group {
  readonly private?: Jwk;
  readonly public?: Jwk;
  readonly tests: readonly Vector[];
}

const unsupported = 'an algorithm that Signet has not';
const emptyPayload = 'a token always has claims, so an empty payload is not canonical';
const notCanonical = 'characters outside base64url, which Wycheproof lets a library skip';
const algMismatch = 'the header has another alg than the key';
const symmetricSet = 'symmetric keys are in no JWKS';
const encrypted = 'encrypted, not signed';

/** Vectors that Wycheproof calls valid and the guard refuses, with the reason. */
const stricter: Record<string, Record<number, string>> = {
  'json_web_signature_test.json': {
    259: emptyPayload,
    264: unsupported,
    265: unsupported,
    266: unsupported,
    267: unsupported,
    268: unsupported,
    269: unsupported,
    270: unsupported,
    271: unsupported,
    272: emptyPayload,
    320: unsupported,
    321: unsupported,
    322: unsupported,
    323: unsupported,
    325: unsupported,
    326: unsupported,
    327: unsupported,
    328: unsupported,
    346: algMismatch,
    347: unsupported,
    350: algMismatch,
    351: unsupported,
    372: notCanonical,
    373: notCanonical,
  },
  'json_web_key_test.json': { 2: symmetricSet, 14: unsupported, 15: unsupported },
  'json_web_crypto_test.json': { 48: symmetricSet, 50: encrypted, 67: encrypted },
};

/**
 * Vectors that Wycheproof calls invalid and the guard accepts. Their comments mention padding, but in the
 * file each is byte for byte the valid vector named here. canonical.test.ts covers padding.
 */
const sameAsValid: Record<string, Record<number, number>> = {
  'json_web_signature_test.json': { 367: 357, 370: 357 },
};

const files = Object.keys(stricter).map((name) => {
  const present = existsSync(join(folder, name));
  const title = present ? name : leftOut(name, 'it is not in WYCHEPROOF_DIR');
  return [title, { name, present }] as const;
});

describe.each(files)('Wycheproof %s', (_, { name, present }) => {
  const text = present ? readFileSync(join(folder, name), 'utf8') : '{"testGroups":[]}';
  const { testGroups, numberOfTests } = JSON.parse(text) as { testGroups: readonly Group[]; numberOfTests: number };
  const vectors = testGroups.flatMap((group) => group.tests.map((vector) => ({ ...vector, group })));

  test.runIf(present)('is read completely', () => {
    expect(vectors).toHaveLength(numberOfTests);
  });

  test.runIf(present)('all vectors have the expected result, except those on the lists', async () => {
    const refused: number[] = [];
    const accepted: number[] = [];
    const failed: number[] = [];
    for (const { tcId, result, group, jws, jwe } of vectors) {
      const outcome = await verify(group, jws ?? jwe);
      if (outcome === 'failed') failed.push(tcId);
      if (outcome === 'refused' && result === 'valid') refused.push(tcId);
      if (outcome === 'accepted' && result === 'invalid') accepted.push(tcId);
    }
    expect({ failed, refused, accepted }).toEqual({
      failed: [],
      refused: Object.keys(stricter[name] ?? {}).map(Number),
      accepted: Object.keys(sameAsValid[name] ?? {}).map(Number),
    });
  });

  test.runIf(present)(
    'an invalid vector is listed only if it is the same text, under the same key, as a valid one',
    () => {
      const byId = new Map(vectors.map((vector) => [vector.tcId, vector]));
      for (const [invalid, valid] of Object.entries(sameAsValid[name] ?? {})) {
        const [listed, twin] = [byId.get(Number(invalid)), byId.get(valid)];
        expect([listed?.result, twin?.result]).toEqual(['invalid', 'valid']);
        expect(listed?.jws).toBe(twin?.jws);
        expect(listed?.group).toBe(twin?.group);
      }
    },
  );
});

/** Verifies like the guard, with the algorithms that the key type allows. The vectors have no typ. */
async function verify(group: Group, token: unknown): Promise<'accepted' | 'refused' | 'failed'> {
  const text = typeof token === 'string' ? token : JSON.stringify(token);
  const published = group.public ?? group.private;
  const [only, ...others] = published?.keys ?? [published];
  const symmetric = only?.kty === 'oct' && others.length === 0;
  let keys: KeySource;
  try {
    keys = symmetric
      ? await sharedSecret(only)
      : localJwks(async () => (published?.keys ? published : { keys: [only] }));
  } catch {
    // The process does not start with such a key.
    return 'refused';
  }
  const algorithms = symmetric ? ['HS256'] : ['RS256', 'PS256', 'ES256', 'EdDSA'];
  try {
    await verifySignature(text, { algorithms, types: [''] }, keys);
    return 'accepted';
  } catch (error) {
    return refusalReasonOf(error) === undefined ? 'failed' : 'refused';
  } finally {
    keys.close();
  }
}
