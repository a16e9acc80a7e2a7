import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { ProfileUpdatedSchema } from '#gen/proto/signet/events/v1/user_events_pb.ts';
import { ProfileService } from '#gen/proto/signet/user/v1/profile_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { eventKeys } from '#kit/config/shared-keys.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** User profiles. */
export const user = defineService({
  name: 'user',
  port: 8082,
  contract: [UserService, ProfileService],
  calls: { auth: [AccountService, AuthService] },
  produces: [ProfileUpdatedSchema],
  consumes: { auth: [UserRegisteredSchema, UserDeletedSchema] },
  keys: { ...eventKeys },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
