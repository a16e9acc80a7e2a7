import type { ServiceImpl } from '@connectrpc/connect';
import type { ProfileService } from '#gen/proto/signet/user/v1/profile_service_pb.ts';
import type { ProfileStore } from '../domain/profiles.ts';

/** Implements ProfileService, for other services. */
export function profileHandler(store: Pick<ProfileStore, 'find'>): ServiceImpl<typeof ProfileService> {
  return {
    getPhone: async ({ userId }) => ({ phone: (await store.find(userId))?.phone ?? '' }),
  };
}
