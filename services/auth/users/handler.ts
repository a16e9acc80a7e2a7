import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type User as UserMessage, UserSchema } from '#gen/proto/signet/auth/v1/user_pb.ts';
import type { User } from './rules.ts';

/** Converts an account for its owner and administrators. */
export function toUserMessage({ id, email, name, roles, createdAt, disabledAt, verifiedAt }: User): UserMessage {
  return create(UserSchema, {
    id,
    email,
    name,
    roles: [...roles],
    createdAt: timestampFromDate(createdAt),
    ...(disabledAt ? { disabledAt: timestampFromDate(disabledAt) } : {}),
    ...(verifiedAt ? { emailVerifiedAt: timestampFromDate(verifiedAt) } : {}),
  });
}
