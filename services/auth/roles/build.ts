import { RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { Ground } from '../ground.ts';
import { roleHandler } from './handler.ts';
import { createRoleDefinitions } from './rules/definitions.ts';
import { createRoleStore } from './store.ts';

/** Builds the room `roles`. */
export function buildRoles({ db }: Ground) {
  const store = createRoleStore(db);
  return {
    /** The scopes of roles. */
    mounted: [mount(RoleService, roleHandler(createRoleDefinitions(store)))],
  };
}
