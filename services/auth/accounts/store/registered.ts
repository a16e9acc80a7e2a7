import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { User } from '../../users/public.ts';

/** The event of a new account. */
export function registered(
  { id, roles, createdAt }: Pick<User, 'id' | 'roles' | 'createdAt'>,
  selfRegistered: boolean,
) {
  return {
    type: UserRegisteredSchema,
    subject: id,
    message: { userId: id, roles: [...roles], registeredAt: timestampFromDate(createdAt), selfRegistered },
  };
}
