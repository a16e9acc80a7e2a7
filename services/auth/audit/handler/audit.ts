import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type AuditService, type Event, EventSchema } from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { failure } from '../../reasons.ts';
import type { AuditLog, ListedEvent } from '../rules/log.ts';

/** Implements AuditService. */
export function auditHandler(log: AuditLog): ServiceImpl<typeof AuditService> {
  return {
    async listEvents({ actorId, subjectId, kind, fromTime, toTime, ...page }) {
      const from = fromTime && timestampDate(fromTime);
      const to = toTime && timestampDate(toTime);
      const { items, nextPageToken } = await log.list({ actorId, subjectId, kind, from, to }, page);
      return { events: items.map(toMessage), nextPageToken };
    },
    async verifyEvents({ fromPosition, fromSequence }) {
      const { faults, next, first, head, ...part } = await log.verify(fromPosition || BigInt(fromSequence));
      // 0 would mean that the end was reached.
      if (fromSequence > 0 && next > maxSequence) throw failure('INVALID_ARGUMENT', { fields: [tooFar] });
      return {
        ...part,
        faults: faults.map((fault) => ({ ...fault, sequence: sequenceOf(fault.position) })),
        nextPosition: next,
        headPosition: head,
        firstPosition: first,
        nextSequence: sequenceOf(next),
        headSequence: sequenceOf(head),
      };
    },
  };
}

/** Largest position of the fields of earlier releases, which are int32. */
const maxSequence = 2_147_483_647n;

const tooFar = {
  field: 'from_sequence',
  description: 'the log continues at positions above 2147483647: use from_position and next_position',
  reason: 'POSITION',
};

/** The position in a field of earlier releases; 0 if it does not fit. */
function sequenceOf(position: bigint): number {
  return position > maxSequence ? 0 : Number(position);
}

function toMessage({ at, ...event }: ListedEvent): Event {
  return create(EventSchema, { ...event, details: { ...event.details }, time: timestampFromDate(at) });
}
