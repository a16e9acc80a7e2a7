import { create } from '@bufbuild/protobuf';
import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import { RevocationSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { Sequence } from '#kit/events/sequencer.ts';
import { columns } from '#kit/store/columns.ts';
import { sql } from '#kit/store/sql.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import type { RevocationStore, SequencedRevocation } from '../rules.ts';

interface Row {
  sequence: bigint;
  id: string;
  kind: 'session' | 'token' | 'subject' | 'role' | 'key';
  target: string;
  notBefore: Date | null;
  revokedAt: Date;
  expiresAt: Date;
}

const revocationColumns = columns<Row>('', {
  sequence: true,
  id: true,
  kind: true,
  target: true,
  notBefore: true,
  revokedAt: true,
  expiresAt: true,
});

/** The sequence of revocations. */
export const revocationSequence: Sequence = {
  rows: sql`auth.revocations`,
  number: sql`sequence`,
  head: sql`auth.heads`,
  isHead: sql`id`,
  last: sql`revocation_sequence`,
  lastId: sql`revocation_id`,
  numbered: 'signet_revocations',
};

/** Creates the store of revocations in PostgreSQL. */
export function createRevocationStore(db: PrismaClient): RevocationStore {
  return {
    async head() {
      const { history, revocationSequence: sequence, revocationId: lastId } = await db.head.findFirstOrThrow();
      return { history, sequence, lastId };
    },
    async idAt(sequence) {
      const found = await db.revocation.findUnique({ where: { sequence }, select: { id: true } });
      return found?.id;
    },
    async after(sequence, limit) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT ${revocationColumns} FROM auth.revocations
        WHERE sequence > ${sequence} AND expires_at > now() ORDER BY sequence LIMIT ${limit}`;
      return rows.map(toRevocation);
    },
  };
}

/** Deletes expired entries. Keeps the last one, so that a position at it can be checked when the next entry arrives. */
export const expiredRevocations = deleteExpired({
  table: sql`auth.revocations`,
  by: sql`expires_at`,
  isExpired: sql`expires_at < now() AND sequence < (SELECT revocation_sequence FROM auth.heads WHERE id)`,
});

const cases = { session: 'sessionId', token: 'tokenId', subject: 'subject', role: 'role', key: 'keyId' } as const;

function toRevocation({ sequence, id, kind, target, ...times }: Row): SequencedRevocation {
  return {
    sequence,
    id,
    revocation: create(RevocationSchema, {
      target: { case: cases[kind], value: target },
      notBefore: times.notBefore ? seconds(times.notBefore) : 0,
      revokedAt: Math.floor(times.revokedAt.getTime() / 1_000),
      expiresAt: seconds(times.expiresAt),
    }),
  };
}

/** Whole seconds since 1970, rounded up, because a later time revokes more. */
function seconds(time: Date): number {
  return Math.ceil(time.getTime() / 1_000);
}
