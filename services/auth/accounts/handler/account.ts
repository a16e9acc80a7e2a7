import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { identityOf, userOf } from '#kit/guard/connect.ts';
import { currentActor } from '../../audit/public.ts';
import type { Links } from '../../links/public.ts';
import type { UserStore } from '../../users/public.ts';
import { failure } from '../../reasons.ts';
import type { Admin } from '../rules/administration.ts';
import type { Erasures } from '../rules/erasures.ts';

/** Implements AccountService. The account to delete comes from the user's token, the confirming service from the caller's. */
export function accountHandler(deps: {
  readonly admin: Admin;
  readonly erasures: Erasures;
  readonly users: UserStore;
  readonly links: Pick<Links, 'issue'>;
}): ServiceImpl<typeof AccountService> {
  const { admin, erasures, users, links } = deps;
  return {
    async deleteAccount(_, { values }) {
      await admin.erase(userOf(values).subject, currentActor());
      return {};
    },

    async getContact({ userId }) {
      const user = await users.find(userId);
      if (!user || user.disabledAt) throw failure('NOT_FOUND');
      return { email: user.email, emailVerified: user.verifiedAt !== undefined, name: user.name };
    },

    async issueLink({ linkId }) {
      const { user, token, expiresAt, requestedFrom } = await links.issue(linkId);
      const name = user.verifiedAt ? user.name : '';
      return { email: user.email, name, token, expiresAt: timestampFromDate(expiresAt), requestedFrom };
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
