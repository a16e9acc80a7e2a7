import { sql } from '#kit/store/sql.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import type { Statements } from '#kit/store/statements.ts';
import { auditColumns, auditValues } from '../audit/public.ts';
import { scopesFor } from '../roles/public.ts';
import type { AssertionStore } from './rules.ts';

/** Creates the store of used assertions in PostgreSQL, so that an assertion works once over all replicas. */
export function createAssertionStore(db: Statements): AssertionStore {
  return {
    async use({ id, expiresAt }, { name, roles }, by) {
      const event = { kind: 'service_login', outcome: 'success', actor: { ...by, id: name }, subjectId: name } as const;
      const [row] = await db.$queryRaw<{ scopes: string[] }[]>`
        WITH used AS (
          INSERT INTO auth.assertions (id, expires_at) VALUES (${`${name} ${id}`}, ${expiresAt})
          ON CONFLICT DO NOTHING RETURNING id
        ), noted AS (
          INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM used
        )
        SELECT ARRAY(SELECT DISTINCT unnest(r.scopes) FROM auth.roles r WHERE r.name = ANY (${[...roles]}::text[])) AS scopes
        FROM used`;
      return row && scopesFor(roles, row.scopes);
    },
    async noteFailure(service, by) {
      const event = {
        kind: 'service_login',
        outcome: 'failure',
        actor: { ...by, id: service },
        subjectId: service,
      } as const;
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
