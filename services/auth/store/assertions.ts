import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import type { AssertionStore } from '../domain/service-tokens.ts';
import { auditColumns, auditValues } from './audit.ts';

/** Used assertions in PostgreSQL, so that one is good once whichever replica it is shown to. */
export function createAssertionStore(db: PrismaClient): AssertionStore {
  return {
    async useOnce(id, expiresAt) {
      const { count } = await db.assertion.createMany({ data: [{ id, expiresAt }], skipDuplicates: true });
      return count === 1;
    },
    async note(service, outcome) {
      const event = { kind: 'service_login', outcome, actorId: service, subjectId: service } as const;
      const recently =
        outcome === 'success'
          ? Prisma.sql`false`
          : Prisma.sql`EXISTS (
              SELECT FROM auth.audit_events
              WHERE subject_id = ${service} AND kind = 'service_login' AND outcome = 'failure'
                AND at > now() - interval '1 minute')`;
      await db.$executeRaw`
        INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} WHERE NOT ${recently}`;
    },
  };
}
