import type { JWK } from 'jose';
import type { Prisma, PrismaClient } from '#gen/prisma/auth/client.ts';
import { maxKeys } from '#kit/guard/jwk.ts';
import type { PageQuery } from '#kit/page/page.ts';
import { columns } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { move, moveFromAny } from '#kit/store/move.ts';
import type { Statements } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { type Actor, type AuditKind, insertAudit } from '../audit/public.ts';
import type { SealedTable } from '../secrets/public.ts';
import { type KeyOrigin, type KeyRecord, type KeyState, keyStates, type KeyStore } from './rules/keys.ts';
import { contextOf, type SigningAlgorithm, type StoredKey } from './rules/signing-key.ts';

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

const keyColumns = columns<Row>('', {
  kid: true,
  alg: true,
  state: true,
  publicJwk: true,
  sealedPrivate: true,
  createdAt: true,
  activatedAt: true,
  retiredAt: true,
});

const youngestFirst = descending(['created_at', 'timestamptz'], ['kid', 'text']);

const retire = move(keyStates, 'active', 'retired');
const promote = move(keyStates, 'pending', 'active');
const remove = move(keyStates, 'retired', 'gone');
const revoke = moveFromAny(keyStates, 'revoked');

/** Creates the store of signing keys in PostgreSQL. Partial unique indexes allow one active and one pending key. */
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
      // 'active' sorts before 'pending' and 'retired'.
      const orderBy = [{ state: 'asc' as const }, { createdAt: 'desc' as const }];
      const rows = await db.signingKey.findMany({ where: { state: { in: states } }, orderBy, take: maxKeys });
      return rows.map(toRecord);
    },
    async page({ take, after }: PageQuery) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT ${keyColumns} FROM auth.signing_keys WHERE ${where([keyset(youngestFirst, after)])}
        ORDER BY ${youngestFirst.by} LIMIT ${take}`;
      return rows.map(toRecord);
    },
    activate: (key, previous, by) =>
      db.$transaction(async (tx) => {
        await oneKeyChangeAtATime(tx);
        const retired = await tx.$executeRaw`
          UPDATE auth.signing_keys SET ${retire.set}, retired_at = now() WHERE ${retire.where} AND kid = ${previous ?? ''}`;
        if (retired !== (previous === undefined ? 0 : 1)) return false;
        return insert(tx, key, 'active', by);
      }),
    insertPending: (key, by, origin) => db.$transaction((tx) => insert(tx, key, 'pending', by, origin)),
    promotePending: (pendingFor, by) =>
      db.$transaction(async (tx) => {
        // A concurrent call waits here and then finds no pending key.
        await oneKeyChangeAtATime(tx);
        const due = await tx.$queryRaw<unknown[]>`
          SELECT FROM auth.signing_keys
          WHERE ${promote.where} AND created_at <= now() - ${pendingFor} * interval '1 millisecond'`;
        if (due.length === 0) return false;
        await tx.$executeRaw`
          UPDATE auth.signing_keys SET ${retire.set}, retired_at = now() WHERE ${retire.where}`;
        return activatePending(tx, by);
      }),
    removeExpired: (afterActivation, afterRetirement, by) =>
      db.$transaction(async (tx) => {
        const gone = await tx.$queryRaw<{ kid: string; alg: string }[]>`
          UPDATE auth.signing_keys SET ${remove.set}, sealed_private = NULL
          WHERE ${remove.where}
            AND coalesce(activated_at, created_at) <= now() - ${afterActivation} * interval '1 millisecond'
            AND coalesce(retired_at, created_at) <= now() - ${afterRetirement} * interval '1 millisecond'
          RETURNING kid, alg`;
        for (const { kid, alg } of gone) await audit(tx, by, 'key_gone', kid, alg);
        return gone.length;
      }),
    revoke: (kid, replacement, by) =>
      db.$transaction(async (tx) => {
        await oneKeyChangeAtATime(tx);
        const [found] = await tx.$queryRaw<{ state: KeyState; alg: string }[]>`
          SELECT state, alg FROM auth.signing_keys WHERE kid = ${kid} FOR UPDATE`;
        if (!found) return false;
        if (found.state === 'revoked') return true;
        await tx.$executeRaw`
          UPDATE auth.signing_keys
          SET ${revoke.set}, sealed_private = NULL, retired_at = coalesce(retired_at, now())
          WHERE kid = ${kid} AND ${revoke.where}`;
        await audit(tx, by, 'key_revoked', kid, found.alg);
        // Prefer the pending key, which verifiers already know.
        if (found.state === 'active' && !(await activatePending(tx, by))) await insert(tx, replacement, 'active', by);
        return true;
      }),
  };
}

/** Revokes all keys (trigger `signing_keys_revoke`). The next process that reads the keys creates an active one. */
export async function revokeAllKeys(tx: Statements, by: Actor): Promise<void> {
  await oneKeyChangeAtATime(tx);
  const keys = await tx.$queryRaw<{ kid: string; alg: string }[]>`
    UPDATE auth.signing_keys SET ${revoke.set}, sealed_private = NULL, retired_at = coalesce(retired_at, now())
    WHERE ${revoke.where} RETURNING kid, alg`;
  for (const { kid, alg } of keys) await audit(tx, by, 'key_revoked', kid, alg);
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

/** Serializes changes of several keys, which could otherwise deadlock. */
async function oneKeyChangeAtATime(tx: Pick<Statements, '$queryRaw'>): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('signet: signing keys', 0))`;
}

function audit(tx: Pick<Statements, '$executeRaw'>, actor: Actor, kind: AuditKind, kid: string, alg: string) {
  return insertAudit(tx, { kind, outcome: 'success', actor, subjectId: kid, details: { alg } });
}

async function insert(
  tx: Transaction,
  key: StoredKey,
  state: 'active' | 'pending',
  by: Actor,
  origin: KeyOrigin = 'generated',
): Promise<boolean> {
  const { kid, alg, publicJwk, sealedPrivate } = key;
  const inserted = await tx.$executeRaw`
    INSERT INTO auth.signing_keys (kid, alg, state, public_jwk, sealed_private, activated_at)
    VALUES (${kid}, ${alg}, ${state}, ${JSON.stringify(publicJwk)}::jsonb, ${sealedPrivate}::bytea,
            CASE WHEN ${state} = 'active' THEN now() END)
    ON CONFLICT DO NOTHING`;
  if (inserted === 1) await audit(tx, by, origin === 'imported' ? 'key_imported' : 'key_created', kid, alg);
  if (inserted === 1 && state === 'active') await audit(tx, by, 'key_activated', kid, alg);
  return inserted === 1;
}

async function activatePending(tx: Transaction, by: Actor): Promise<boolean> {
  const [promoted] = await tx.$queryRaw<{ kid: string; alg: string }[]>`
    UPDATE auth.signing_keys SET ${promote.set}, activated_at = now() WHERE ${promote.where} RETURNING kid, alg`;
  if (promoted) await audit(tx, by, 'key_activated', promoted.kid, promoted.alg);
  return promoted !== undefined;
}

/** The sealed private keys, rewrapped when the master key changes. */
export const signingKeysTable: SealedTable = async (tx, rewrapped) => {
  await oneKeyChangeAtATime(tx);
  let changed = 0;
  const keys = await tx.$queryRaw<{ kid: string; sealed_private: Uint8Array }[]>`
    SELECT kid, sealed_private FROM auth.signing_keys WHERE sealed_private IS NOT NULL ORDER BY kid FOR UPDATE`;
  for (const { kid, sealed_private: sealed } of keys) {
    const sealedPrivate = rewrapped(sealed, contextOf(kid), `signing key ${kid}`);
    if (!sealedPrivate) continue;
    await tx.signingKey.update({ where: { kid }, data: { sealedPrivate } });
    changed += 1;
  }
  return changed;
};
