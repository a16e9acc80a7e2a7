import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type Session, SessionSchema, type SessionService } from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { currentActor } from '../../audit/public.ts';
import type { SessionRecord } from '../rules/session.ts';
import type { Sessions } from '../rules/sessions.ts';

/** Implements SessionService. The user comes from the token. */
export function sessionHandler(sessions: Sessions): ServiceImpl<typeof SessionService> {
  return {
    async listSessions({ includeEnded, ...page }, { values }) {
      const { subject, sessionId } = userOf(values);
      const { items, nextPageToken } = await sessions.list(subject, includeEnded, page);
      return { sessions: items.map((session) => toMessage(session, sessionId)), nextPageToken };
    },
    async revokeSession({ sessionId }, { values }) {
      await sessions.revoke(userOf(values).subject, sessionId, currentActor());
      return {};
    },
    async revokeOtherSessions(_, { values }) {
      const { subject, sessionId } = userOf(values);
      return { revokedCount: await sessions.revokeOthers(subject, sessionId, currentActor()) };
    },
  };
}

function toMessage(session: SessionRecord, current: string): Session {
  const { id, deviceLabel, ip, clientId, amr, createdAt, lastUsedAt, expiresAt, endedAt, endedReason } = session;
  const { replayedAt, replayedFrom } = session;
  return create(SessionSchema, {
    id,
    deviceLabel,
    ip,
    clientId,
    amr: [...amr],
    current: id === current,
    createdAt: timestampFromDate(createdAt),
    lastUsedAt: timestampFromDate(lastUsedAt),
    expiresAt: timestampFromDate(expiresAt),
    ...(endedAt ? { endedAt: timestampFromDate(endedAt) } : {}),
    endedReason,
    ...(replayedAt ? { replayedAt: timestampFromDate(replayedAt) } : {}),
    replayedIp: replayedFrom,
  });
}
