import { v7 as uuidv7 } from 'uuid';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import {
  EmailVerificationRequestedSchema,
  PasswordResetRequestedSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import type { Statements } from '#kit/store/statements.ts';
import { deleteExpired } from '#kit/work/sweep.ts';
import { insertAudit } from '../audit/public.ts';
import { record } from '../events/public.ts';
import { toUser, userColumns, type UserRow } from '../users/public.ts';
import { hashOfLink, type LinkPurpose, type LinkStore } from './rules.ts';

const life = Prisma.sql`interval '30 minutes'`;

/** Creates the store of links in PostgreSQL. A link becomes invalid when the account's email changes. */
export function createLinkStore(db: PrismaClient): LinkStore {
  return {
    insert: (purpose, email, by) =>
      db.$transaction(async (tx) => {
        const [user] = await tx.$queryRaw<UserRow[]>`
          SELECT ${userColumns} FROM auth.users u
          WHERE u.email = ${email} AND u.disabled_at IS NULL
            AND (${purpose} <> 'email_verification' OR u.verified_at IS NULL)
          FOR NO KEY UPDATE`;
        if (!user) return false;
        const linkId = uuidv7();
        await tx.$executeRaw`
          INSERT INTO auth.links (id, purpose, user_id, email, requested_from, expires_at)
          VALUES (${linkId}::uuid, ${purpose}, ${user.id}::uuid, ${email}, ${by.ip}, now() + ${life})`;
        const kind = purpose === 'password_reset' ? 'password_reset_requested' : 'email_verification_sent';
        await insertAudit(tx, { kind, outcome: 'success', actor: by, subjectId: user.id });
        const type = purpose === 'password_reset' ? PasswordResetRequestedSchema : EmailVerificationRequestedSchema;
        await record(tx, { type, subject: user.id, message: { userId: user.id, linkId } });
        return true;
      }),

    async issue(linkId, tokenHash) {
      const [row] = await db.$queryRaw<(UserRow & { expiresAt: Date; requestedFrom: string })[]>`
        UPDATE auth.links l SET hash = ${tokenHash}::bytea, expires_at = now() + ${life}
        FROM auth.users u
        WHERE l.id = ${linkId}::uuid AND l.issuable_until > now() AND u.id = l.user_id
          AND u.email = l.email AND u.disabled_at IS NULL
        RETURNING ${userColumns}, l.expires_at AS "expiresAt", l.requested_from AS "requestedFrom"`;
      return row && { user: toUser(row), expiresAt: row.expiresAt, requestedFrom: row.requestedFrom };
    },

    async find(purpose, token) {
      const [user] = await db.$queryRaw<UserRow[]>`
        SELECT ${userColumns} FROM auth.links l JOIN auth.users u ON u.id = l.user_id
        WHERE l.hash = ${hashOfLink(token)}::bytea AND l.purpose = ${purpose} AND l.expires_at > now()
          AND u.email = l.email AND u.disabled_at IS NULL`;
      return user && toUser(user);
    },
  };
}

/** Deletes links that neither work nor can be issued again. A link works half an hour longer than it can be issued, at most. */
export const expiredLinks = deleteExpired({
  table: Prisma.sql`auth.links`,
  by: Prisma.sql`issuable_until`,
  isExpired: Prisma.sql`issuable_until < now() AND expires_at < now()`,
});

/**
 * Consumes a valid link and returns its account. Also deletes the account's other links of that purpose. Locks the
 * account first, as `insert` does.
 * @param ownerId the account that must own the link; undefined: any
 */
export async function useLink(
  tx: Statements,
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

/** Deletes an account's links of a purpose. */
export function endLinks(db: Pick<Statements, '$executeRaw'>, userId: string, purpose: LinkPurpose) {
  return db.$executeRaw`DELETE FROM auth.links WHERE user_id = ${userId}::uuid AND purpose = ${purpose}`;
}
