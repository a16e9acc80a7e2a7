import type { MessageShape } from '@bufbuild/protobuf';
import type {
  EmailVerificationRequestedSchema,
  PasswordChangedSchema,
  PasswordResetRequestedSchema,
  SessionCreatedSchema,
  SessionReuseDetectedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { Notice } from '../domain/notices.ts';

/** The payloads from which notices are made. */
export type Payload = MessageShape<
  | typeof UserRegisteredSchema
  | typeof UserDeletedSchema
  | typeof SessionCreatedSchema
  | typeof SessionReuseDetectedSchema
  | typeof PasswordChangedSchema
  | typeof PasswordResetRequestedSchema
  | typeof EmailVerificationRequestedSchema
>;

/** The notice that an event gives rise to; undefined for none. */
export function noticeOf(payload: Payload): Notice | undefined {
  switch (payload.$typeName) {
    case 'signet.events.v1.UserRegistered':
      // Imported accounts and those of an operator belong to users who have not asked for mail.
      return payload.selfRegistered ? { userId: payload.userId, kind: 'welcome', data: {} } : undefined;
    case 'signet.events.v1.SessionCreated':
      if (payload.first || payload.knownPlace) return undefined;
      return { userId: payload.userId, kind: 'new_sign_in', data: { session_id: payload.sessionId } };
    case 'signet.events.v1.SessionReuseDetected':
      return { userId: payload.userId, kind: 'refresh_reuse', data: { session_id: payload.sessionId } };
    case 'signet.events.v1.PasswordChanged':
      return { userId: payload.userId, kind: 'password_changed', data: {} };
    case 'signet.events.v1.PasswordResetRequested':
      return { userId: payload.userId, kind: 'password_reset', data: {}, linkId: payload.linkId };
    case 'signet.events.v1.EmailVerificationRequested':
      return { userId: payload.userId, kind: 'email_verification', data: {}, linkId: payload.linkId };
    case 'signet.events.v1.UserDeleted':
      return undefined;
  }
}
