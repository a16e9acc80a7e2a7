import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { Swept } from '#kit/work/sweep.ts';
import { auditColumns, auditValues, insertAudit } from '../audit/public.ts';
import type { AssertionStore } from './rules.ts';

/** Used assertions in PostgreSQL, so that one is good once whichever replica it is shown to. */
export function createAssertionStore(db: PrismaClient): AssertionStore & Swept {
  return {
    async useOnce(id, expiresAt) {
      const { count } = await db.assertion.createMany({ data: [{ id, expiresAt }], skipDuplicates: true });
      return count === 1;
    },
    async note(service, outcome, by) {
      const event = { kind: 'service_login', outcome, actor: { ...by, id: service }, subjectId: service } as const;
      if (outcome === 'success') return void (await insertAudit(db, event));
      // Counted where tries are, in the same statement, so that no number of failures at once writes more than one.
      await db.$executeRaw`
        WITH first AS (
          INSERT INTO auth.attempts AS a (key, used, resets_at)
          VALUES (${`service login ${service}`}, 1, now() + interval '1 minute')
          ON CONFLICT (key) DO UPDATE SET resets_at = excluded.resets_at WHERE a.resets_at <= now()
          RETURNING key
        )
        INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM first`;
    },
    async sweep() {
      await db.$executeRaw`DELETE FROM auth.assertions WHERE expires_at < now()`;
    },
  };
}
