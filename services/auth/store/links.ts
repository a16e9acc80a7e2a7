import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { hashOfLink, type LinkPurpose, type LinkStore } from '../domain/links.ts';
import { auditColumns, auditValues, insertAudit } from './audit.ts';
import { endSessions, tokensFromNow, toUser, userColumns, type UserRow } from './users.ts';

const life = Prisma.sql`interval '30 minutes'`;

/** Links in PostgreSQL. A link to an address that is not the account's any more is good for nothing. */
export function createLinkStore(db: PrismaClient): LinkStore {
  return {
    insert: (purpose, email, tokenHash) =>
      db.$transaction(async (tx) => {
        const [user] = await tx.$queryRaw<UserRow[]>`
          SELECT ${userColumns} FROM auth.users u
          WHERE u.email = ${email} AND u.disabled_at IS NULL
            AND (${purpose} <> 'email_verification' OR u.verified_at IS NULL)
          FOR NO KEY UPDATE`;
        if (!user) return undefined;
        await tx.$executeRaw`
          INSERT INTO auth.links (hash, purpose, user_id, email, expires_at)
          VALUES (${tokenHash}::bytea, ${purpose}, ${user.id}::uuid, ${email}, now() + ${life})`;
        const kind = purpose === 'password_reset' ? 'password_reset_requested' : 'email_verification_sent';
        await insertAudit(tx, { kind, outcome: 'success', subjectId: user.id });
        return toUser(user);
      }),

    async find(purpose, token) {
      const [user] = await db.$queryRaw<UserRow[]>`
        SELECT ${userColumns} FROM auth.links l JOIN auth.users u ON u.id = l.user_id
        WHERE l.hash = ${hashOfLink(token)}::bytea AND l.purpose = ${purpose} AND l.expires_at > now()
          AND u.email = l.email AND u.disabled_at IS NULL`;
      return user && toUser(user);
    },

    resetPassword: (token, passwordHash, network) =>
      db.$transaction(async (tx) => {
        const userId = await use(tx, 'password_reset', token);
        if (userId === undefined) return false;
        // Whoever followed the link reads what is sent to the address: it is verified, too.
        await tx.$executeRaw`
          UPDATE auth.users
          SET password_hash = ${passwordHash}, password_from = ${network}, password_at = now(),
              tokens_from = ${tokensFromNow}, devices_from = now(),
              verified_at = coalesce(verified_at, now()), updated_at = now()
          WHERE id = ${userId}::uuid`;
        const ended = await endSessions(tx, userId, 'password_reset');
        const details = { ended_sessions: ended };
        await insertAudit(tx, {
          kind: 'password_reset',
          outcome: 'success',
          actorId: userId,
          subjectId: userId,
          details,
        });
        return true;
      }),

    verifyEmail: (token, userId) =>
      db.$transaction(async (tx) => {
        if ((await use(tx, 'email_verification', token, userId)) === undefined) return false;
        const event = { kind: 'email_verified', outcome: 'success', actorId: userId, subjectId: userId } as const;
        await tx.$executeRaw`
          WITH u AS (
            UPDATE auth.users SET verified_at = now(), updated_at = now()
            WHERE id = ${userId}::uuid AND verified_at IS NULL RETURNING id
          )
          INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM u`;
        return true;
      }),
  };
}

/**
 * The account of a link that is good. This uses it up, and with it the account's others of that purpose. The account is
 * locked first, as by what sends a link.
 * @param ownerId the account that it must be of; any, if undefined
 */
async function use(
  tx: Prisma.TransactionClient,
  purpose: LinkPurpose,
  token: string,
  ownerId?: string,
): Promise<string | undefined> {
  const hash = hashOfLink(token);
  const [owner] = await tx.$queryRaw<{ id: string }[]>`
    SELECT u.id FROM auth.links l JOIN auth.users u ON u.id = l.user_id
    WHERE l.hash = ${hash}::bytea AND l.purpose = ${purpose} AND l.expires_at > now()
      AND u.email = l.email AND u.disabled_at IS NULL
    FOR NO KEY UPDATE OF u`;
  if (!owner || (ownerId !== undefined && owner.id !== ownerId)) return undefined;
  const used = await tx.$queryRaw<{ is_this: boolean }[]>`
    DELETE FROM auth.links WHERE user_id = ${owner.id}::uuid AND purpose = ${purpose}
    RETURNING hash = ${hash}::bytea AS is_this`;
  return used.some(({ is_this: isThis }) => isThis) ? owner.id : undefined;
}
