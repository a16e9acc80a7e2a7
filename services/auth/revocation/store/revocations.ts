import { create } from '@bufbuild/protobuf';
import { RevocationSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { Sequence } from '#kit/events/sequencer.ts';
import { columns } from '#kit/store/columns.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import type { RevocationPosition, RevocationStore, SequencedRevocation } from '../rules.ts';

/** A row. Its times are seconds since 1970, which pg reads at a fraction of the cost of a Date. */
interface Row {
  sequence: bigint;
  id: string;
  kind: 'session' | 'token' | 'subject' | 'role' | 'key';
  target: string;
  notBefore: number | null;
  revokedAt: number;
  expiresAt: number;
}

const revocationColumns = columns<Row>('', {
  sequence: true,
  id: true,
  kind: true,
  target: true,
  notBefore: sql`date_part('epoch', not_before)`,
  revokedAt: sql`date_part('epoch', revoked_at)`,
  expiresAt: sql`date_part('epoch', expires_at)`,
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
export function createRevocationStore(db: Pick<Statements, '$queryRaw'>): RevocationStore {
  return {
    async head() {
      const [head] = await db.$queryRaw<RevocationPosition[]>`
        SELECT history, revocation_sequence AS sequence, revocation_id AS "lastId" FROM auth.heads WHERE id`;
      if (!head) throw new Error('auth.heads has no row');
      return head;
    },
    async idAt(sequence) {
      const [found] = await db.$queryRaw<{ id: string }[]>`
        SELECT id FROM auth.revocations WHERE sequence = ${sequence}`;
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

function toRevocation({ sequence, id, kind, target, notBefore, revokedAt, expiresAt }: Row): SequencedRevocation {
  const revocation = create(RevocationSchema, {
    target: { case: cases[kind], value: target },
    // Rounded up, because a later time revokes more.
    notBefore: Math.ceil(notBefore ?? 0),
    revokedAt: Math.floor(revokedAt),
    expiresAt: Math.ceil(expiresAt),
  });
  return { sequence, id, revocation };
}
