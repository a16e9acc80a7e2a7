import type { JWK } from 'jose';
import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { SigningAlgorithm, StoredKey } from '../crypto/signing-key.ts';

/** Signing keys, kept. */
export interface KeyStore {
  /** The key that signs. */
  findActive(): Promise<StoredKey | undefined>;
  /** Every key to publish, the active one first. */
  listPublished(): Promise<StoredKey[]>;
  /**
   * Makes a key the one that signs, in the place of `previous`, which stays
   * published; tells whether it did. Where several try, one does.
   */
  activate(key: StoredKey, previous: string | undefined): Promise<boolean>;
}

interface Row {
  kid: string;
  alg: string;
  publicJwk: unknown;
  sealedPrivate: Uint8Array<ArrayBuffer> | null;
}

/** Signing keys in PostgreSQL. A partial unique index allows one active key. */
export function createKeyStore(db: PrismaClient): KeyStore {
  return {
    async findActive() {
      const row = await db.signingKey.findFirst({ where: { state: 'active' } });
      return row ? toKey(row) : undefined;
    },
    async listPublished() {
      // 'active' comes before 'pending' and 'retired'.
      const rows = await db.signingKey.findMany({
        where: { sealedPrivate: { not: null } },
        orderBy: [{ state: 'asc' }, { createdAt: 'desc' }],
        take: 100,
      });
      return rows.map(toKey);
    },
    async activate({ kid, alg, publicJwk, sealedPrivate }, previous) {
      const inserted = await db.$executeRaw`
        WITH retired AS (
          UPDATE auth.signing_keys SET state = 'retired' WHERE state = 'active' AND kid = ${previous ?? ''}
          RETURNING kid
        )
        INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, activated_at)
        SELECT ${kid}, ${alg}, 'active', ${JSON.stringify(publicJwk)}::jsonb, ${sealedPrivate}::bytea, now()
        WHERE (SELECT count(*) FROM retired) = ${previous === undefined ? 0 : 1}
        ON CONFLICT DO NOTHING`;
      return inserted === 1;
    },
  };
}

function toKey({ kid, alg, publicJwk, sealedPrivate }: Row): StoredKey {
  return {
    kid,
    alg: alg as SigningAlgorithm,
    publicJwk: publicJwk as JWK,
    sealedPrivate: sealedPrivate ?? new Uint8Array(),
  };
}
