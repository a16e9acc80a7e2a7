import { validate } from 'uuid';
import { columns, present } from '#kit/store/columns.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { User, UserStore } from './rules.ts';

/** A user's row. */
export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: string[];
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly verifiedAt: Date | null;
}

/** The columns of a user `u`. */
export const userColumns = columns<UserRow>('u', {
  id: true,
  email: true,
  name: true,
  roles: true,
  createdAt: true,
  disabledAt: true,
  verifiedAt: true,
});

/** Converts a row to a user. Drops other columns of the row. */
export function toUser({ id, email, name, roles, createdAt, disabledAt, verifiedAt }: UserRow): User {
  return present({ id, email, name, roles, createdAt, disabledAt, verifiedAt });
}

/**
 * Locks a user's row until the end of the transaction. Opening a session and ending several take this lock first, in a
 * separate statement, so that the next statement sees all committed changes of the user's sessions.
 */
export function lockUser(db: Pick<Statements, '$queryRaw'>, userId: string) {
  return db.$queryRaw<UserRow[]>`SELECT ${userColumns} FROM auth.users u WHERE id = ${userId}::uuid FOR NO KEY UPDATE`;
}

/** Creates the account store in PostgreSQL. */
export function createUserStore(db: Statements): UserStore {
  return {
    async find(id) {
      const [found] = await db.$queryRaw<UserRow[]>`SELECT ${userColumns} FROM auth.users u WHERE id = ${id}::uuid`;
      return found && toUser(found);
    },

    async emailsOf(ids) {
      const wanted = [...new Set(ids)].filter((id) => validate(id));
      if (wanted.length === 0) return new Map();
      const found = await db.$queryRaw<Pick<UserRow, 'id' | 'email'>[]>`
        SELECT id, email FROM auth.users WHERE id = ANY(${wanted}::uuid[])`;
      return new Map(found.map(({ id, email }) => [id, email]));
    },
  };
}
