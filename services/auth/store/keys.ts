import type { JWK } from 'jose';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { maxKeys } from '#kit/guard/jwk.ts';
import type { PageQuery } from '#kit/page/page.ts';
import type { SigningAlgorithm, StoredKey } from '../crypto/signing-key.ts';
import type { AuditKind } from '../domain/audit.ts';
import type { KeyRecord, KeyState, KeyStore } from '../domain/keys.ts';
import { insertAudit } from './audit.ts';

interface Row {
  kid: string;
  alg: string;
  state: string;
  publicJwk: unknown;
  sealedPrivate: Uint8Array<ArrayBuffer> | null;
  createdAt: Date;
  activatedAt: Date | null;
  retiredAt: Date | null;
}

type Transaction = Prisma.TransactionClient;

/** Signing keys in PostgreSQL. Partial unique indexes allow one active and one pending key. */
export function createKeyStore(db: PrismaClient): KeyStore {
  return {
    async findActive() {
      const row = await db.signingKey.findFirst({ where: { state: 'active' } });
      return row ? toRecord(row) : undefined;
    },
    async findPending() {
      const row = await db.signingKey.findFirst({ where: { state: 'pending' } });
      return row ? toRecord(row) : undefined;
    },
    async find(kid) {
      const row = await db.signingKey.findUnique({ where: { kid } });
      return row ? toRecord(row) : undefined;
    },
    async listPublished() {
      const states = ['active', 'pending', 'retired'];
      // 'active' comes before 'pending' and 'retired'.
      const orderBy = [{ state: 'asc' as const }, { createdAt: 'desc' as const }];
      const rows = await db.signingKey.findMany({ where: { state: { in: states } }, orderBy, take: maxKeys });
      return rows.map(toRecord);
    },
    async page({ take, after }: PageQuery) {
      const [createdAt, kid] = after ?? [];
      const behind =
        createdAt === undefined
          ? Prisma.sql`true`
          : Prisma.sql`(created_at, kid) < (${createdAt}::timestamptz, ${kid})`;
      const rows = await db.$queryRaw<Row[]>`
        SELECT kid, alg, state, public_jwk AS "publicJwk", sealed_private AS "sealedPrivate",
               created_at AS "createdAt", activated_at AS "activatedAt", retired_at AS "retiredAt"
        FROM auth.signing_keys WHERE ${behind} ORDER BY created_at DESC, kid DESC LIMIT ${take}`;
      return rows.map(toRecord);
    },
    activate: (key, previous) =>
      db.$transaction(async (tx) => {
        await oneKeyChangeAtATime(tx);
        const retired = await tx.$executeRaw`
          UPDATE auth.signing_keys SET state = 'retired', retired_at = now() WHERE state = 'active' AND kid = ${previous ?? ''}`;
        if (retired !== (previous === undefined ? 0 : 1)) return false;
        return insert(tx, key, 'active');
      }),
    insertPending: (key) => db.$transaction((tx) => insert(tx, key, 'pending')),
    promotePending: (pendingFor) =>
      db.$transaction(async (tx) => {
        // Whoever comes second waits here for the first, and then finds nothing pending.
        await oneKeyChangeAtATime(tx);
        const due = await tx.$queryRaw<unknown[]>`
          SELECT FROM auth.signing_keys
          WHERE state = 'pending' AND created_at <= now() - ${pendingFor} * interval '1 millisecond'`;
        if (due.length === 0) return false;
        await tx.$executeRaw`
          UPDATE auth.signing_keys SET state = 'retired', retired_at = now() WHERE state = 'active'`;
        return activatePending(tx);
      }),
    letGo: (afterActivation, afterRetirement) =>
      db.$transaction(async (tx) => {
        const gone = await tx.$queryRaw<{ kid: string; alg: string }[]>`
          UPDATE auth.signing_keys SET state = 'gone', sealed_private = NULL
          WHERE state = 'retired'
            AND coalesce(activated_at, created_at) <= now() - ${afterActivation} * interval '1 millisecond'
            AND coalesce(retired_at, created_at) <= now() - ${afterRetirement} * interval '1 millisecond'
          RETURNING kid, alg`;
        for (const { kid, alg } of gone) await audit(tx, 'key_gone', kid, alg);
        return gone.length;
      }),
    revoke: (kid, replacement) =>
      db.$transaction(async (tx) => {
        await oneKeyChangeAtATime(tx);
        const [found] = await tx.$queryRaw<{ state: KeyState; alg: string }[]>`
          SELECT state, alg FROM auth.signing_keys WHERE kid = ${kid} FOR UPDATE`;
        if (!found) return false;
        if (found.state === 'revoked') return true;
        await tx.$executeRaw`
          UPDATE auth.signing_keys
          SET state = 'revoked', sealed_private = NULL, retired_at = coalesce(retired_at, now()) WHERE kid = ${kid}`;
        await audit(tx, 'key_revoked', kid, found.alg);
        // The one that is pending is known to verifiers already.
        if (found.state === 'active' && !(await activatePending(tx))) await insert(tx, replacement, 'active');
        return true;
      }),
  };
}

function toRecord({ kid, alg, state, publicJwk, sealedPrivate, ...times }: Row): KeyRecord {
  return {
    kid,
    alg: alg as SigningAlgorithm,
    state: state as KeyState,
    publicJwk: publicJwk as JWK,
    sealedPrivate: sealedPrivate ?? new Uint8Array(),
    createdAt: times.createdAt,
    activatedAt: times.activatedAt ?? undefined,
    retiredAt: times.retiredAt ?? undefined,
  };
}

/** What changes two keys waits for whatever else does: each could have the row that the other needs. */
export async function oneKeyChangeAtATime(tx: Transaction): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('signet: signing keys', 0))`;
}

function audit(tx: Transaction, kind: AuditKind, kid: string, alg: string) {
  return insertAudit(tx, { kind, outcome: 'success', subjectId: kid, details: { alg } });
}

async function insert(tx: Transaction, key: StoredKey, state: 'active' | 'pending'): Promise<boolean> {
  const { kid, alg, publicJwk, sealedPrivate } = key;
  const inserted = await tx.$executeRaw`
    INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, activated_at)
    VALUES (${kid}, ${alg}, ${state}, ${JSON.stringify(publicJwk)}::jsonb, ${sealedPrivate}::bytea,
            CASE WHEN ${state} = 'active' THEN now() END)
    ON CONFLICT DO NOTHING`;
  if (inserted === 1) await audit(tx, 'key_created', kid, alg);
  if (inserted === 1 && state === 'active') await audit(tx, 'key_activated', kid, alg);
  return inserted === 1;
}

async function activatePending(tx: Transaction): Promise<boolean> {
  const [promoted] = await tx.$queryRaw<{ kid: string; alg: string }[]>`
    UPDATE auth.signing_keys SET state = 'active', activated_at = now() WHERE state = 'pending' RETURNING kid, alg`;
  if (promoted) await audit(tx, 'key_activated', promoted.kid, promoted.alg);
  return promoted !== undefined;
}
