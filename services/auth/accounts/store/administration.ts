import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { where } from '#kit/store/where.ts';
import { type Actor, type AuditKind, insertAudit } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import { tokensFromNow, tookLong } from '../../revocation/public.ts';
import { isBuiltIn } from '../../roles/public.ts';
import { endSessions } from '../../sessions/public.ts';
import { createUserStore, lockUser, toUser, type User, userColumns, type UserRow } from '../../users/public.ts';
import type { Acted, AdminStore } from '../rules/administration.ts';

type Transaction = Prisma.TransactionClient;
type Details = Record<string, string | number>;

/** UUIDv7 ids are in order of creation. */
const youngestFirst = descending(['u.id', 'uuid']);

/** Creates the store of account administration in PostgreSQL. */
export function createAdminStore(db: PrismaClient): AdminStore {
  /** Locks an account's row and runs an act in the transaction. Every returned result commits. */
  function act(userId: string, work: (tx: Transaction, user: User) => Promise<Acted>): Promise<Acted> {
    return db.$transaction(async (tx) => {
      const [row] = await lockUser(tx, userId);
      return row ? work(tx, toUser(row)) : 'not_found';
    });
  }

  /** As `act`, for acts that could remove the last administrator. They are serialized, so that two cannot remove the last two. */
  function actOnAdmin(
    userId: string,
    takesAdmin: (user: User) => boolean,
    work: (tx: Transaction, user: User) => Promise<Acted>,
  ): Promise<Acted> {
    return db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('signet: the last administrator', 0))`;
      const [row] = await lockUser(tx, userId);
      if (!row) return 'not_found';
      const user = toUser(row);
      if (takesAdmin(user) && user.roles.includes('admin') && !user.disabledAt) {
        const others = await tx.$queryRaw<unknown[]>`
          SELECT id FROM auth.users
          WHERE roles @> '{admin}' AND disabled_at IS NULL AND id <> ${userId}::uuid LIMIT 1`;
        if (others.length === 0) return 'last_admin';
      }
      return work(tx, user);
    });
  }

  return {
    async page({ emailPrefix, role, disabled }, { take, after }) {
      const wanted = where([
        keyset(youngestFirst, after),
        emailPrefix !== '' && Prisma.sql`u.email LIKE ${`${emailPrefix.replaceAll(/[\\%_]/g, '\\$&')}%`}`,
        role !== '' && Prisma.sql`u.roles @> ARRAY[${role}]`,
        disabled === true && Prisma.sql`u.disabled_at IS NOT NULL`,
        disabled === false && Prisma.sql`u.disabled_at IS NULL`,
      ]);
      const rows = await db.$queryRaw<UserRow[]>`
        SELECT ${userColumns} FROM auth.users u WHERE ${wanted} ORDER BY ${youngestFirst.by} LIMIT ${take}`;
      return rows.map(toUser);
    },

    find: createUserStore(db).find,

    disable: (userId, by) =>
      actOnAdmin(
        userId,
        () => true,
        async (tx, user) => {
          if (user.disabledAt) return { user, ended: 0 };
          const changed = await update(tx, userId, Prisma.sql`disabled_at = now(), tokens_from = ${tokensFromNow}`);
          const ended = await endSessions(tx, userId, 'disabled');
          await audit(tx, by, 'user_disabled', userId, { ended_sessions: ended });
          return { user: changed, ended };
        },
      ),

    enable: (userId, by) =>
      act(userId, async (tx, user) => {
        if (!user.disabledAt) return { user, ended: 0 };
        const changed = await update(tx, userId, Prisma.sql`disabled_at = NULL`);
        await audit(tx, by, 'user_enabled', userId);
        return { user: changed, ended: 0 };
      }),

    grant: (userId, role, by) =>
      act(userId, async (tx, user) => {
        // Deleting a role locks the role and then its holders. Locking the role of a holder here could deadlock.
        if (user.roles.includes(role)) return { user, ended: 0 };
        // The lock prevents granting a role while it is being deleted.
        const defined = isBuiltIn(role)
          ? [role]
          : await tx.$queryRaw<unknown[]>`SELECT name FROM auth.roles WHERE name = ${role} FOR SHARE`;
        if (defined.length === 0) return 'no_such_role';
        const roles = [...user.roles, role].toSorted();
        const changed = await update(tx, userId, Prisma.sql`roles = ${roles}::text[]`);
        await audit(tx, by, 'role_granted', userId, { role });
        return { user: changed, ended: 0 };
      }),

    async revoke(userId, role, by) {
      const since = performance.now();
      const acted = await actOnAdmin(
        userId,
        () => role === 'admin',
        async (tx, user) => {
          if (!user.roles.includes(role)) return 'not_found';
          const roles = user.roles.filter((one) => one !== role);
          const set = Prisma.sql`roles = ${roles}::text[], tokens_from = ${tokensFromNow}`;
          const changed = await update(tx, userId, set);
          await audit(tx, by, 'role_revoked', userId, { role });
          return { user: changed, ended: 0 };
        },
      );
      if (typeof acted !== 'string' && tookLong(since)) {
        await db.$executeRaw`UPDATE auth.users SET tokens_from = ${tokensFromNow} WHERE id = ${userId}::uuid`;
      }
      return acted;
    },

    signOut: (userId, by) =>
      act(userId, async (tx, user) => {
        const ended = await endSessions(tx, userId, 'signed_out');
        // Also without an active session: a token of one that just expired may still be valid.
        await update(tx, userId, Prisma.sql`tokens_from = ${tokensFromNow}`);
        await audit(tx, by, 'sessions_revoked', userId, { ended_sessions: ended });
        return { user, ended };
      }),

    erase: (userId, by) =>
      actOnAdmin(
        userId,
        () => true,
        async (tx, user) => {
          const ended = await tx.$executeRaw`DELETE FROM auth.sessions WHERE user_id = ${userId}::uuid`;
          await tx.$executeRaw`DELETE FROM auth.users WHERE id = ${userId}::uuid`;
          await audit(tx, by, 'account_deleted', userId);
          await tx.$executeRaw`INSERT INTO auth.erasures (user_id) VALUES (${userId}::uuid)`;
          await record(tx, {
            type: UserDeletedSchema,
            subject: userId,
            message: { userId, deletedAt: timestampNow() },
          });
          return { user, ended };
        },
      ),
  };
}

async function update(tx: Transaction, userId: string, set: Prisma.Sql): Promise<User> {
  const [row] = await tx.$queryRaw<UserRow[]>`
    UPDATE auth.users u SET ${set}, updated_at = now() WHERE u.id = ${userId}::uuid RETURNING ${userColumns}`;
  if (!row) throw new Error('a locked row is missing');
  return toUser(row);
}

function audit(tx: Transaction, actor: Actor, kind: AuditKind, userId: string, details: Details = {}) {
  return insertAudit(tx, { kind, outcome: 'success', actor, subjectId: userId, details });
}
