import { normalizeEmail } from '#kit/contract/email.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import type { Actor } from '../../audit/public.ts';
import type { User } from '../../users/public.ts';
import { failure } from '../../reasons.ts';

/** Filter of an account list. */
export interface UserFilter {
  /** Empty: any. */
  readonly emailPrefix: string;
  /** Empty: any. */
  readonly role: string;
  readonly disabled: boolean | undefined;
}

/** Result of an administrative act on an account. */
export type Acted = { readonly user: User; readonly ended: number } | 'not_found' | 'last_admin' | 'no_such_role';

/**
 * Persistence port for account administration. Every method is one transaction with its audit event; a method that
 * changes nothing writes no event.
 */
export interface AdminStore {
  page(filter: UserFilter, query: PageQuery): Promise<User[]>;
  find(userId: string): Promise<User | undefined>;
  /** Triggers: `users_tokens_from`, `sessions_end`. */
  disable(userId: string, by: Actor): Promise<Acted>;
  enable(userId: string, by: Actor): Promise<Acted>;
  grant(userId: string, role: string, by: Actor): Promise<Acted>;
  /** Trigger: `users_tokens_from`. */
  revoke(userId: string, role: string, by: Actor): Promise<Acted>;
  /** Triggers: `users_tokens_from`, `sessions_end`. */
  signOut(userId: string, by: Actor): Promise<Acted>;
  /** Trigger: `users_delete`. */
  erase(userId: string, by: Actor): Promise<Acted>;
}

/** Account administration. @throws NOT_FOUND; LAST_ADMIN if no administrator would remain */
export interface Admin {
  list(filter: UserFilter, page: PageRequest): Promise<Page<User>>;
  get(userId: string): Promise<User>;
  disable(userId: string, by: Actor): Promise<User>;
  enable(userId: string, by: Actor): Promise<User>;
  grant(userId: string, role: string, by: Actor): Promise<User>;
  revoke(userId: string, role: string, by: Actor): Promise<void>;
  /** Returns the number of ended sessions. */
  signOut(userId: string, by: Actor): Promise<number>;
  /** Deletes an account. Other services erase its data by the event user.deleted. */
  erase(userId: string, by: Actor): Promise<void>;
}

/** Creates the account administration. */
export function createAdmin(store: AdminStore): Admin {
  return {
    list({ emailPrefix, ...rest }, page) {
      const filter = { emailPrefix: normalizeEmail(emailPrefix), ...rest };
      return readPage(
        page,
        ['users', filter.emailPrefix, filter.role, filter.disabled ?? null],
        (query) => store.page(filter, query),
        ({ id }) => [id],
      );
    },
    async get(userId) {
      const user = await store.find(userId);
      if (!user) throw failure('NOT_FOUND');
      return user;
    },
    disable: async (userId, by) => done(await store.disable(userId, by)).user,
    enable: async (userId, by) => done(await store.enable(userId, by)).user,
    grant: async (userId, role, by) => done(await store.grant(userId, role, by)).user,
    async revoke(userId, role, by) {
      done(await store.revoke(userId, role, by));
    },
    signOut: async (userId, by) => done(await store.signOut(userId, by)).ended,
    async erase(userId, by) {
      done(await store.erase(userId, by));
    },
  };
}

function done(acted: Acted): { user: User; ended: number } {
  if (acted === 'last_admin') throw failure('LAST_ADMIN');
  if (acted === 'not_found' || acted === 'no_such_role') throw failure('NOT_FOUND');
  return acted;
}
