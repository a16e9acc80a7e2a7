import type { ServiceImpl } from '@connectrpc/connect';
import type { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { identityOf, userOf } from '#kit/guard/connect.ts';
import { currentActor } from '../../audit/public.ts';
import { failure } from '../../reasons.ts';
import type { Admin } from '../rules/administration.ts';
import type { Erasures } from '../rules/erasures.ts';

/** Implements AccountService. The account to delete comes from the user's token, the confirming service from the caller's. */
export function accountHandler(admin: Admin, erasures: Erasures): ServiceImpl<typeof AccountService> {
  return {
    async deleteAccount(_, { values }) {
      await admin.erase(userOf(values).subject, currentActor());
      return {};
    },

    findDeleted: async ({ userIds }) => ({ userIds: await erasures.among(userIds) }),

    async confirmErasure({ userId }, { values }) {
      const { caller } = identityOf(values);
      // The method's rule requires a caller.
      if (!caller) throw failure('CALLER_NOT_ALLOWED');
      await erasures.confirm(userId, caller.service);
      return {};
    },
  };
}
