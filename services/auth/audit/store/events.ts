import { v7 as uuidv7 } from 'uuid';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { createWrites } from '#kit/work/writes.ts';
import type { NewAuditEvent } from '../rules/events.ts';

/** The statements of this process that write events. Each audited act is announced: what follows from it can be awaited here. */
export const audited = createWrites();

/** Writes an event, alone or in the transaction of its change. The chainer (chain.ts) appends it to the chain after the commit. */
export function insertAudit(db: Pick<Statements, '$executeRaw'>, event: NewAuditEvent) {
  return db.$executeRaw`INSERT INTO auth.audit_events ${auditColumns} VALUES (${auditValues(event)})`;
}

/** The columns of an event, for conditional inserts: INSERT ... SELECT auditValues(event) WHERE ... */
export const auditColumns = sql`(id, kind, outcome, actor_id, subject_id, ip, request_id, details)`;

/** Values of an event that come from columns of the inserting statement. */
export interface AuditSources {
  readonly id?: Sql;
  readonly subject?: Sql;
  readonly details?: Sql;
}

/**
 * The values of `auditColumns`, for a statement that runs next, because it announces the event. A statement that writes
 * several events must provide an id for each.
 */
export function auditValues(event: NewAuditEvent, sources: AuditSources = {}): Sql {
  audited.announce();
  const { kind, outcome, actor } = event;
  const {
    id = sql`${uuidv7()}::uuid`,
    subject = sql`${event.subjectId ?? ''}`,
    details = sql`${JSON.stringify(event.details ?? {})}::jsonb`,
  } = sources;
  return sql`${id}, ${kind}, ${outcome}, ${actor.id}, ${subject}, ${actor.ip},
    ${actor.requestId}, ${details}`;
}
