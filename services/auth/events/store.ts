import {
  EmailVerificationRequestedSchema,
  PasswordChangedSchema,
  PasswordResetRequestedSchema,
  SessionCreatedSchema,
  SessionReuseDetectedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { createRecord } from '#kit/events/record.ts';

/** The payload messages of the events that the auth service produces. */
export const produces = [
  UserRegisteredSchema,
  UserDeletedSchema,
  SessionCreatedSchema,
  SessionReuseDetectedSchema,
  PasswordChangedSchema,
  PasswordResetRequestedSchema,
  EmailVerificationRequestedSchema,
] as const;

/** Records events in the transaction of the change that they are about. */
export const record = createRecord<(typeof produces)[number]>('auth', produces);
