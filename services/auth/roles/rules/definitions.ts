import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import type { Actor } from '../../audit/public.ts';
import { builtInScopes, isBuiltIn } from './scopes.ts';
import { failure } from '../../reasons.ts';

/** A role: a named set of scopes. */
export interface RoleDefinition {
  readonly role: string;
  /** Sorted. */
  readonly scopes: readonly string[];
  /** Unset for a built-in role. */
  readonly createdAt: Date | undefined;
}

/** Persistence port for operator-defined roles. Every change is one transaction with its audit event. */
export interface RoleStore {
  /** A page of roles, by name. */
  page(query: PageQuery): Promise<RoleDefinition[]>;
  /** Creates or changes a role. If it loses a scope, all tokens with the role are revoked (trigger `roles_tokens_from`). */
  put(role: string, scopes: readonly string[], by: Actor): Promise<RoleDefinition>;
  /** Deletes a role, revokes it from all accounts, and revokes their tokens (trigger `roles_delete`). False for an unknown role. */
  remove(role: string, by: Actor): Promise<boolean>;
}

/** Management of roles. */
export interface RoleDefinitions {
  list(page: PageRequest): Promise<Page<RoleDefinition>>;
  /** @throws ROLE_BUILT_IN */
  put(role: string, scopes: readonly string[], by: Actor): Promise<RoleDefinition>;
  /** @throws ROLE_BUILT_IN, NOT_FOUND */
  remove(role: string, by: Actor): Promise<void>;
}

const builtIn = builtInRoles.map((role) => ({
  role,
  scopes: [...builtInScopes(role)].toSorted(),
  createdAt: undefined,
}));

/** Creates the management of roles. */
export function createRoleDefinitions(store: RoleStore): RoleDefinitions {
  return {
    list: (page) =>
      readPage(
        page,
        ['roles'],
        async (query) => {
          const after = query.after?.[0] ?? '';
          const all = [...builtIn.filter(({ role }) => role > after), ...(await store.page(query))];
          return all.toSorted((a, b) => (a.role < b.role ? -1 : 1)).slice(0, query.take);
        },
        ({ role }) => [role],
      ),
    async put(role, scopes, by) {
      if (isBuiltIn(role)) throw failure('ROLE_BUILT_IN');
      return store.put(role, scopes.toSorted(), by);
    },
    async remove(role, by) {
      if (isBuiltIn(role)) throw failure('ROLE_BUILT_IN');
      if (!(await store.remove(role, by))) throw failure('NOT_FOUND');
    },
  };
}
