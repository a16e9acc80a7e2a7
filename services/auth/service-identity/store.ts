import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import { sql } from '#kit/store/sql.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import { auditColumns, auditValues, insertAudit } from '../audit/public.ts';
import type { AssertionStore } from './rules.ts';

/** Creates the store of used assertions in PostgreSQL, so that an assertion works once over all replicas. */
export function createAssertionStore(db: PrismaClient): AssertionStore {
  return {
    async useOnce(id, expiresAt) {
      const { count } = await db.assertion.createMany({ data: [{ id, expiresAt }], skipDuplicates: true });
      return count === 1;
    },
    async note(service, outcome, by) {
      const event = { kind: 'service_login', outcome, actor: { ...by, id: service }, subjectId: service } as const;
      if (outcome === 'success') return void (await insertAudit(db, event));
      // One statement with a row of auth.attempts, so that concurrent failures write only one event.
      await db.$executeRaw`
        WITH first AS (
          INSERT INTO auth.attempts AS a (key, used, resets_at)
          VALUES (${`service login ${service}`}, 1, now() + interval '1 minute')
          ON CONFLICT (key) DO UPDATE SET resets_at = excluded.resets_at WHERE a.resets_at <= now()
          RETURNING key
        )
        INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM first`;
    },
  };
}

/** Deletes used assertions that have expired. */
export const expiredAssertions = deleteExpired({
  table: sql`auth.assertions`,
  by: sql`expires_at`,
  isExpired: sql`expires_at < now()`,
});
