import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { currentActor } from '../../audit/public.ts';
import { toUserMessage } from '../../users/public.ts';
import type { Admin } from '../rules/administration.ts';
import type { Erasures } from '../rules/erasures.ts';
import type { Imports } from '../rules/imports.ts';
import { toErasureMessage, toImport, toImportResult } from './messages.ts';

/** Implements AdminService. */
export function adminHandler(admin: Admin, imports: Imports, erasures: Erasures): ServiceImpl<typeof AdminService> {
  return {
    async listUsers({ emailPrefix, role, disabled, ...page }) {
      const { items, nextPageToken } = await admin.list({ emailPrefix, role, disabled }, page);
      return { users: items.map(toUserMessage), nextPageToken };
    },
    getUser: async ({ userId }) => toUserMessage(await admin.get(userId)),
    disableUser: async ({ userId }) => toUserMessage(await admin.disable(userId, currentActor())),
    enableUser: async ({ userId }) => toUserMessage(await admin.enable(userId, currentActor())),
    grantRole: async ({ userId, role }) => toUserMessage(await admin.grant(userId, role, currentActor())),
    async revokeRole({ userId, role }) {
      await admin.revoke(userId, role, currentActor());
      return {};
    },
    revokeUserSessions: async ({ userId }) => ({ revokedCount: await admin.signOut(userId, currentActor()) }),
    getErasure: async ({ userId }) => toErasureMessage(await erasures.get(userId)),
    importUsers: async ({ users }) => ({
      results: (await imports.importAll(users.map(toImport), currentActor())).map(toImportResult),
    }),
  };
}
