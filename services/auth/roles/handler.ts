import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type Role, RoleSchema, type RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { currentActor } from '../audit/public.ts';
import type { RoleDefinition, RoleDefinitions } from './rules/definitions.ts';

/** Implements RoleService. */
export function roleHandler(roles: RoleDefinitions): ServiceImpl<typeof RoleService> {
  return {
    async listRoles(page) {
      const { items, nextPageToken } = await roles.list(page);
      return { roles: items.map(toMessage), nextPageToken };
    },
    putRole: async ({ role, scopes }) => toMessage(await roles.put(role, scopes, currentActor())),
    async deleteRole({ role }) {
      await roles.remove(role, currentActor());
      return {};
    },
  };
}

function toMessage({ role, scopes, createdAt }: RoleDefinition): Role {
  return create(RoleSchema, {
    role,
    scopes: [...scopes],
    builtIn: createdAt === undefined,
    ...(createdAt ? { createdAt: timestampFromDate(createdAt) } : {}),
  });
}
