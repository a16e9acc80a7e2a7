import { v7 as uuidv7 } from 'uuid';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { currentCall } from '#kit/rpc/call.ts';
import type { NewAuditEvent } from '../domain/audit.ts';

/**
 * Writes an event on behalf of the call under way. Runs where it is put: in the
 * transaction of what it tells about, or by itself. A trigger chains it at commit.
 */
export function insertAudit(db: Pick<PrismaClient, '$executeRaw'>, event: NewAuditEvent) {
  return db.$executeRaw`INSERT INTO auth.audit_events ${auditColumns} VALUES (${auditValues(event)})`;
}

/** The columns of an event, for statements that write one on a condition: INSERT ... SELECT auditValues(event) WHERE ... */
export const auditColumns = Prisma.sql`(id, kind, outcome, actor_id, subject_id, ip, request_id, details)`;

/** What only a statement knows of the event that it writes, or of each of several: columns of its tables. */
export interface AuditSources {
  readonly id?: Prisma.Sql;
  readonly subject?: Prisma.Sql;
  readonly details?: Prisma.Sql;
}

/** The values that belong to `auditColumns`. A statement that writes several events has an id for each. */
export function auditValues(event: NewAuditEvent, sources: AuditSources = {}): Prisma.Sql {
  const { kind, outcome, actorId } = event;
  const {
    id = Prisma.sql`${uuidv7()}::uuid`,
    subject = Prisma.sql`${event.subjectId ?? ''}`,
    details = Prisma.sql`${JSON.stringify(event.details ?? {})}::jsonb`,
  } = sources;
  const call = currentCall();
  const actor = actorId ?? call?.identity.user?.subject ?? call?.identity.caller?.service ?? '';
  return Prisma.sql`${id}, ${kind}, ${outcome}, ${actor}, ${subject}, ${call?.address ?? ''},
    ${call?.requestId ?? ''}, ${details}`;
}
