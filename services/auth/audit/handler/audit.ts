import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type AuditService, type Event, EventSchema } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import type { AuditEvent, AuditLog } from '../rules/log.ts';

/** Implements AuditService. */
export function auditHandler(log: AuditLog): ServiceImpl<typeof AuditService> {
  return {
    async listEvents({ actorId, subjectId, kind, fromTime, toTime, ...page }) {
      const from = fromTime && timestampDate(fromTime);
      const to = toTime && timestampDate(toTime);
      const { items, nextPageToken } = await log.list({ actorId, subjectId, kind, from, to }, page);
      return { events: items.map(toMessage), nextPageToken };
    },
    async verifyEvents({ fromSequence }) {
      const { faults, next, ...part } = await log.verify(fromSequence);
      return { ...part, faults: faults.map((fault) => ({ ...fault })), nextSequence: next };
    },
  };
}

function toMessage({ at, ...event }: AuditEvent): Event {
  return create(EventSchema, { ...event, details: { ...event.details }, time: timestampFromDate(at) });
}
