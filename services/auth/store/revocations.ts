import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { RevocationSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';

/** A revocation and its place in the order of all of them. */
export interface SequencedRevocation {
  readonly sequence: bigint;
  /** Names it. */
  readonly id: string;
  readonly revocation: MessageInitShape<typeof RevocationSchema>;
}

/** A place in the order of revocations. */
export interface RevocationPosition {
  /** Names the history that sequences count in. */
  readonly history: string;
  readonly sequence: bigint;
  /** Names the revocation at the place: after commits were lost, another may stand there. */
  readonly lastId: string;
}

/** Persistence port for revocations. Triggers write them, beside what causes them. */
export interface RevocationStore {
  /** The last position. */
  head(): Promise<RevocationPosition>;
  /** The id of the revocation at a sequence; undefined where none is kept. */
  idAt(sequence: bigint): Promise<string | undefined>;
  /** Those behind a sequence that somebody could still need, in their order. */
  after(sequence: bigint, limit: number): Promise<SequencedRevocation[]>;
}

interface Row {
  sequence: bigint;
  id: string;
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
      const { history, revocationSequence: sequence, revocationId: lastId } = await db.head.findFirstOrThrow();
      return { history, sequence, lastId };
    },
    async idAt(sequence) {
      const found = await db.revocation.findUnique({ where: { sequence }, select: { id: true } });
      return found?.id;
    },
    async after(sequence, limit) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT sequence, id, kind, target, not_before, revoked_at, expires_at FROM auth.revocations
        WHERE sequence > ${sequence} AND expires_at > now() ORDER BY sequence LIMIT ${limit}`;
      return rows.map(toRevocation);
    },
  };
}

const cases = { session: 'sessionId', token: 'tokenId', subject: 'subject', role: 'role', key: 'keyId' } as const;

function toRevocation({ sequence, id, kind, target, ...times }: Row): SequencedRevocation {
  return {
    sequence,
    id,
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
