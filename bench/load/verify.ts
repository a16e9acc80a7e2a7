import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto';
import { createGuard } from '#kit/guard/guard.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import type { Spec, Work } from './work.ts';

type Verify = Extract<Spec, { kind: 'verify' }>;

/** Verifications of different tokens that are timed together. */
const batch = 64;

/** Number of chains with separate tokens. The guard verifies a token once for concurrent callers. */
const chains = 4;

/** Verifies access tokens like those of the auth service, of one issuer and one key. */
export async function verification({ alg, by }: Verify): Promise<Work> {
  const issuer = await createTestIssuer({ alg });
  const tokens = await Promise.all(
    Array.from({ length: batch * chains }, async () => Buffer.from(await issuer.userToken({ life: 3_600 }))),
  );
  const verifier = await verifierOf(by, issuer);
  return {
    close: verifier.close,
    batch,
    async once(chain) {
      for (let index = 0; index < batch; index += 1) {
        // A new string, as in every request: V8 has not computed its hash yet.
        const token = tokens[(chain % chains) * batch + index]?.toString('latin1') ?? '';
        await verifier.verify(token);
      }
    },
  };
}

async function verifierOf(by: Verify['by'], issuer: TestIssuer) {
  if (by === 'jose') return { verify: await joseAlone(issuer), close: () => undefined };
  if (by === 'node:crypto') return { verify: opensslAlone(issuer), close: () => undefined };
  const guard = createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: [issuer.key.alg],
    keys: localJwks(async () => issuer.jwks()),
    revocations: 'none',
    ...(by === 'guard, uncached' ? { cacheSize: 0 } : {}),
  });
  await guard.ready();
  return { verify: guard.verify, close: () => guard.close() };
}

/** Verifies the signature and parses the header; does not check claims. */
async function joseAlone({ key }: TestIssuer) {
  const imported = await importJWK(key.jwk, key.alg);
  return async (token: string) => {
    await compactVerify(token, imported, { algorithms: [key.alg] });
    if (decodeProtectedHeader(token).kid !== key.kid) throw new Error('unexpected kid');
  };
}

/** Verifies only the signature, in OpenSSL, on the calling thread. */
function opensslAlone({ key }: TestIssuer) {
  const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' });
  const hash = key.alg === 'EdDSA' ? null : 'sha256';
  const options: { key: KeyObject; dsaEncoding: 'ieee-p1363' } = { key: publicKey, dsaEncoding: 'ieee-p1363' };
  return async (token: string) => {
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    if (!verifySignature(hash, Buffer.from(token.slice(0, end)), options, signature))
      throw new Error('the signature does not verify');
  };
}
