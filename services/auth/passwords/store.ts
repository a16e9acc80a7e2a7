import { PasswordChangedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { networkOf } from '#kit/net/network.ts';
import { columns } from '#kit/store/columns.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type Actor, insertAudit } from '../audit/public.ts';
import { record } from '../events/public.ts';
import { endLinks, useLink } from '../links/public.ts';
import { tokensFromNow } from '../revocation/public.ts';
import { endSessions } from '../sessions/public.ts';
import { toUser, userColumns, type UserRow } from '../users/public.ts';
import type { LoginRecord, MailRecord, PasswordStore } from './rules/authenticator.ts';

/**
 * Whether the user `u` signed in from a network, or set the password from it, within 30 days. Sessions that were
 * ended otherwise than by a sign-out there do not count: they may be an attacker's.
 */
function isKnown(network: string): Sql {
  return sql`
    ${network} <> '' AND (
      (u.password_from = ${network} AND u.password_at > now() - interval '30 days') OR EXISTS (
        SELECT FROM auth.sessions s
        WHERE s.user_id = u.id AND s.network = ${network} AND s.created_at > now() - interval '30 days'
          AND (s.revoked_reason IS NULL OR s.revoked_reason IN ('logout', 'session_limit'))
      )
    )`;
}

interface LoginColumns {
  readonly passwordHash: string;
  readonly credentialsVersion: number;
  readonly at: Date;
  readonly isKnownNetwork: boolean;
  readonly devicesFrom: Date | null;
}

/** The columns of a user `u` that a sign-in reads. */
function loginColumns(network: string): Sql {
  const own = columns<LoginColumns>('u', {
    passwordHash: true,
    credentialsVersion: true,
    at: sql`now()`,
    isKnownNetwork: isKnown(network),
    devicesFrom: true,
  });
  return sql`${userColumns}, ${own}`;
}

function toLoginRecord({ at: authTime, ...row }: UserRow & LoginColumns): LoginRecord {
  const { credentialsVersion, passwordHash, isKnownNetwork, devicesFrom } = row;
  return { account: toUser(row), authTime, credentialsVersion, passwordHash, isKnownNetwork, devicesFrom };
}

/** Assignments for a new password. The trigger users_password_hash increments credentials_version. */
function passwordSet(passwordHash: string, by: Actor): Sql {
  return sql`
    password_hash = ${passwordHash}, password_from = ${networkOf(by.ip)}, password_at = now(), updated_at = now()`;
}

/** Creates the store of passwords in PostgreSQL. */
export function createPasswordStore(db: Transactional): PasswordStore {
  return {
    async findForLogin(email, network) {
      const [found] = await db.$queryRaw<(UserRow & LoginColumns)[]>`
        SELECT ${loginColumns(network)}
        FROM auth.users u WHERE u.email = ${email} AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL`;
      return found && toLoginRecord(found);
    },
    async findForMail(email, network) {
      const list = columns<MailRecord>('u', { id: true, isKnownNetwork: isKnown(network), devicesFrom: true });
      const [found] = await db.$queryRaw<MailRecord[]>`SELECT ${list} FROM auth.users u WHERE u.email = ${email}`;
      return found;
    },
    async rehash(userId, oldHash, newHash) {
      const replaced = await db.$executeRaw`
        UPDATE auth.users SET password_hash = ${newHash}
        WHERE id = ${userId}::uuid AND password_hash = ${oldHash} AND set_config('signet.rehash', 'on', true) = 'on'`;
      return replaced === 1;
    },
    async change({ account: { id: userId }, credentialsVersion }, passwordHash, keepSession, by) {
      return db.$transaction(async (tx) => {
        const changed = await tx.$executeRaw`
          UPDATE auth.users
          SET ${passwordSet(passwordHash, by)}
          WHERE id = ${userId}::uuid AND credentials_version = ${credentialsVersion} AND disabled_at IS NULL`;
        if (changed === 0) return false;
        await endLinks(tx, userId, 'password_reset');
        const ended = await endSessions(tx, userId, 'password_change', keepSession);
        await insertAudit(tx, {
          kind: 'password_changed',
          outcome: 'success',
          actor: by,
          subjectId: userId,
          details: { ended_sessions: ended },
        });
        await record(tx, { type: PasswordChangedSchema, subject: userId, message: { userId, reset: false } });
        return true;
      });
    },
    reset: (token, passwordHash, by) =>
      db.$transaction(async (tx) => {
        const userId = await useLink(tx, 'password_reset', token);
        if (userId === undefined) return false;
        // The user received the link by mail, so this also verifies the email.
        await tx.$executeRaw`
          UPDATE auth.users
          SET ${passwordSet(passwordHash, by)}, tokens_from = ${tokensFromNow}, devices_from = now(), verified_at = coalesce(verified_at, now())
          WHERE id = ${userId}::uuid`;
        const ended = await endSessions(tx, userId, 'password_reset');
        const details = { ended_sessions: ended };
        await insertAudit(tx, {
          kind: 'password_reset',
          outcome: 'success',
          actor: { ...by, id: userId },
          subjectId: userId,
          details,
        });
        await record(tx, { type: PasswordChangedSchema, subject: userId, message: { userId, reset: true } });
        return true;
      }),
  };
}
