import type { ServiceImpl } from '@connectrpc/connect';
import type { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { currentActor } from '../../audit/public.ts';
import type { Admin } from '../rules/administration.ts';

/** Implements AccountService. The account to delete comes from the token. */
export function accountHandler(admin: Admin): ServiceImpl<typeof AccountService> {
  return {
    async deleteAccount(_, { values }) {
      await admin.erase(userOf(values).subject, currentActor());
      return {};
    },

    async findDeleted({ userIds }) {
      return { userIds: await admin.deletedAmong(userIds.map((id) => id.toLowerCase())) };
    },
  };
}
