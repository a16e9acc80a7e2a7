import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { RevocationSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';

/** A revocation and its place in the order of all of them. */
export interface SequencedRevocation {
  readonly sequence: bigint;
  readonly revocation: MessageInitShape<typeof RevocationSchema>;
}

/** How far revocations have come. */
export interface RevocationHead {
  /** Names the history that sequences count in. */
  readonly history: string;
  readonly sequence: bigint;
}

/** Revocations, kept. They are written by triggers, beside what causes them. */
export interface RevocationStore {
  head(): Promise<RevocationHead>;
  /** Those behind a sequence that somebody could still need, in their order. */
  after(sequence: bigint, limit: number): Promise<SequencedRevocation[]>;
}

interface Row {
  sequence: bigint;
  kind: 'session' | 'token' | 'subject' | 'role' | 'key';
  target: string;
  not_before: Date | null;
  revoked_at: Date;
  expires_at: Date;
}

/** Revocations in PostgreSQL. */
export function createRevocationStore(db: PrismaClient): RevocationStore {
  return {
    async head() {
      const { history, revocationSequence: sequence } = await db.head.findFirstOrThrow();
      return { history, sequence };
    },
    async after(sequence, limit) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT sequence, kind, target, not_before, revoked_at, expires_at FROM auth.revocations
        WHERE sequence > ${sequence} AND expires_at > now() ORDER BY sequence LIMIT ${limit}`;
      return rows.map(toRevocation);
    },
  };
}

const cases = { session: 'sessionId', token: 'tokenId', subject: 'subject', role: 'role', key: 'keyId' } as const;

function toRevocation({ sequence, kind, target, ...times }: Row): SequencedRevocation {
  return {
    sequence,
    revocation: {
      target: { case: cases[kind], value: target },
      notBefore: times.not_before ? seconds(times.not_before) : 0,
      revokedAt: Math.floor(times.revoked_at.getTime() / 1_000),
      expiresAt: seconds(times.expires_at),
    },
  };
}

/** Whole seconds since 1970, rounded up: later is safer. */
function seconds(time: Date): number {
  return Math.ceil(time.getTime() / 1_000);
}
