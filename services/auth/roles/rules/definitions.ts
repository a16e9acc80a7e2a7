import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import type { Actor } from '../../audit/public.ts';
import { builtInScopes, isBuiltIn } from './scopes.ts';
import { failure } from '../../reasons.ts';

/** A set of scopes with a name. */
export interface RoleDefinition {
  readonly role: string;
  /** Sorted. */
  readonly scopes: readonly string[];
  /** Unset where it comes with Signet. */
  readonly createdAt: Date | undefined;
}

/** Roles that an operator defined, kept. Every verb is one transaction with its audit event. */
export interface RoleStore {
  /** Those behind a name, in the order of their names. */
  page(query: PageQuery): Promise<RoleDefinition[]>;
  /** The scopes that roles give together, as far as an operator defined them. */
  scopesOf(roles: readonly string[]): Promise<string[]>;
  /** Makes or changes a role; where it loses a scope, all tokens that have it are refused from then on (`roles_tokens_from`). */
  put(role: string, scopes: readonly string[], by: Actor): Promise<RoleDefinition>;
  /** Removes a role, and takes it from all who have it, and from their tokens (`roles_delete`); tells whether there was one. */
  remove(role: string, by: Actor): Promise<boolean>;
}

/** Keeps roles. */
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

/** Makes the keeper of roles. */
export function createRoleDefinitions(store: RoleStore): RoleDefinitions {
  return {
    list: (page) =>
      readPage(
        page,
        ['roles'],
        async (query) => {
          const behind = query.after?.[0] ?? '';
          const all = [...builtIn.filter(({ role }) => role > behind), ...(await store.page(query))];
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
