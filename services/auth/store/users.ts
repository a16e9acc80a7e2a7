import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { User, UserStore } from '../domain/model.ts';

/** A user's columns, as SQL names them. */
export interface UserRow {
  id: string;
  email: string;
  name: string;
  roles: string[];
  created_at: Date;
}

/** A user's row, in the domain's words. */
export function toUser({ id, email, name, roles, created_at: createdAt }: UserRow): User {
  return { id, email, name, roles, createdAt };
}

/** Accounts in PostgreSQL. */
export function createUserStore(db: PrismaClient): UserStore {
  return {
    async insertOnce(user, passwordHash) {
      const { count } = await db.user.createMany({
        data: [{ ...user, roles: [...user.roles], passwordHash }],
        skipDuplicates: true,
      });
      return count === 1;
    },
    async findForLogin(email) {
      const found = await db.user.findUnique({ where: { email, disabledAt: null } });
      if (!found) return undefined;
      const { id, name, roles, createdAt, passwordHash } = found;
      return { user: { id, email: found.email, name, roles, createdAt }, passwordHash };
    },
    async anyWithRole(role) {
      return (await db.user.findFirst({ where: { roles: { has: role } }, select: { id: true } })) !== null;
    },
  };
}
