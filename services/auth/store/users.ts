import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import type { User, UserStore } from '../domain/model.ts';
import { auditColumns, auditValues, insertAudit } from './audit.ts';

/** A user's columns, as SQL names them. */
export interface UserRow {
  id: string;
  email: string;
  name: string;
  roles: string[];
  created_at: Date;
  disabled_at: Date | null;
  verified_at: Date | null;
}

/** The columns of a user that is called `u`. */
export const userColumns = Prisma.sql`u.id, u.email, u.name, u.roles, u.created_at, u.disabled_at, u.verified_at`;

/** A user's row, in the domain's words. */
export function toUser({ id, email, name, roles, ...row }: UserRow): User {
  return {
    id,
    email,
    name,
    roles,
    createdAt: row.created_at,
    disabledAt: row.disabled_at ?? undefined,
    verifiedAt: row.verified_at ?? undefined,
  };
}

/**
 * When tokens must have been issued from now on, in whole seconds. A refresh whose statement read the account before
 * this one committed issues at the time of that statement, which is earlier as long as this transaction takes less
 * than a second. Where no session ends besides, ask `tookLong` after it, and move the time once more.
 */
export const secondsFromNow = Prisma.sql`date_trunc('second', clock_timestamp()) + interval '2 seconds'`;

/**
 * The same for an account that is updated. Later than the last time, too: a token made since then was issued
 * at that time, and has to die by this one though both are of the same second.
 */
export const tokensFromNow = Prisma.sql`greatest(${secondsFromNow}, tokens_from + interval '1 second')`;

/**
 * Tells whether a transaction that moved the time took so long that a refresh may have issued tokens past it from what
 * was there before. Whatever reads after the commit finds what is there now.
 * @param since when it began, by `performance.now()`
 */
export function tookLong(since: number): boolean {
  return performance.now() - since >= 1_000;
}

/**
 * Locks a user's row until the end of the transaction. Whatever opens a session or ends several does this
 * first, in a statement of its own: the next one then sees all that others have done to the user's sessions.
 */
export function lockUser(db: Pick<PrismaClient, '$queryRaw'>, userId: string) {
  return db.$queryRaw<UserRow[]>`SELECT ${userColumns} FROM auth.users u WHERE id = ${userId}::uuid FOR NO KEY UPDATE`;
}

/** Ends sessions of a user; a statement that answers their number. */
export function endSessions(db: Pick<PrismaClient, '$executeRaw'>, userId: string, reason: string, keep?: string) {
  return db.$executeRaw`
    UPDATE auth.sessions SET revoked_at = now(), revoked_reason = ${reason}
    WHERE user_id = ${userId}::uuid AND revoked_at IS NULL AND id::text <> ${keep ?? ''}`;
}

/**
 * Whether the user called `u` was signed in from a network, or set the password from it, within 30 days. Sign-ins that
 * a new password ended do not count: they may be those of somebody whom it locked out.
 */
function isKnown(network: string): Prisma.Sql {
  return Prisma.sql`
    ${network} <> '' AND (
      (u.password_from = ${network} AND u.password_at > now() - interval '30 days') OR EXISTS (
        SELECT FROM auth.sessions s
        WHERE s.user_id = u.id AND s.network = ${network} AND s.created_at > now() - interval '30 days'
          AND (s.revoked_reason IS NULL OR s.revoked_reason NOT IN ('password_reset', 'password_change'))
      )
    )`;
}

/** Accounts in PostgreSQL. */
export function createUserStore(db: PrismaClient): UserStore {
  return {
    async insertOnce(user, passwordHash, network) {
      const event = { kind: 'registered', outcome: 'success', actorId: user.id, subjectId: user.id } as const;
      const inserted = await db.$executeRaw`
        WITH u AS (
          INSERT INTO auth.users (id, email, name, password_hash, password_from, password_at, roles, created_at)
          VALUES (${user.id}::uuid, ${user.email}, ${user.name}, ${passwordHash}, ${network}, now(),
                  ${[...user.roles]}::text[], ${user.createdAt})
          ON CONFLICT DO NOTHING RETURNING id
        )
        INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM u`;
      return inserted === 1;
    },
    async findForLogin(email, network) {
      const [found] = await db.$queryRaw<
        (UserRow & { password_hash: string; is_known: boolean; devices_from: Date | null })[]
      >`
        SELECT ${userColumns}, u.password_hash, u.devices_from, ${isKnown(network)} AS is_known
        FROM auth.users u WHERE u.email = ${email} AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL`;
      if (!found) return undefined;
      const { password_hash: passwordHash, is_known: isKnownNetwork, devices_from: devicesFrom } = found;
      return { user: toUser(found), passwordHash, isKnownNetwork, devicesFrom };
    },
    async findForMail(email, network) {
      const [found] = await db.$queryRaw<{ id: string; is_known: boolean; devices_from: Date | null }[]>`
        SELECT u.id, u.devices_from, ${isKnown(network)} AS is_known FROM auth.users u WHERE u.email = ${email}`;
      return found && { id: found.id, isKnownNetwork: found.is_known, devicesFrom: found.devices_from };
    },
    async find(id) {
      const [found] = await db.$queryRaw<UserRow[]>`SELECT ${userColumns} FROM auth.users u WHERE id = ${id}::uuid`;
      return found && toUser(found);
    },
    async rehash(userId, oldHash, newHash) {
      const replaced = await db.$executeRaw`
        UPDATE auth.users SET password_hash = ${newHash}
        WHERE id = ${userId}::uuid AND password_hash = ${oldHash}`;
      return replaced === 1;
    },
    async changePassword(userId, hashes, keepSession, network) {
      return db.$transaction(async (tx) => {
        const changed = await tx.$executeRaw`
          UPDATE auth.users
          SET password_hash = ${hashes.next}, password_from = ${network}, password_at = now(), updated_at = now()
          WHERE id = ${userId}::uuid AND password_hash = ${hashes.old} AND disabled_at IS NULL`;
        if (changed === 0) return false;
        await tx.$executeRaw`DELETE FROM auth.links WHERE user_id = ${userId}::uuid AND purpose = 'password_reset'`;
        const ended = await endSessions(tx, userId, 'password_change', keepSession);
        await insertAudit(tx, {
          kind: 'password_changed',
          outcome: 'success',
          subjectId: userId,
          details: { ended_sessions: ended },
        });
        return true;
      });
    },
    async anyWithRole(role) {
      return (await db.user.findFirst({ where: { roles: { has: role } }, select: { id: true } })) !== null;
    },
  };
}
