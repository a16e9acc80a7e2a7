import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import type { Swept } from '#kit/work/sweep.ts';
import { insertAudit } from '../audit/public.ts';
import { toUser, userColumns, type UserRow } from '../users/public.ts';
import { hashOfLink, type LinkPurpose, type LinkStore } from './rules.ts';

const life = Prisma.sql`interval '30 minutes'`;

/** Creates the store of links in PostgreSQL. A link becomes invalid when the account's email changes. */
export function createLinkStore(db: PrismaClient): LinkStore & Swept {
  return {
    insert: (purpose, email, tokenHash, by) =>
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
        await insertAudit(tx, { kind, outcome: 'success', actor: by, subjectId: user.id });
        return toUser(user);
      }),

    async find(purpose, token) {
      const [user] = await db.$queryRaw<UserRow[]>`
        SELECT ${userColumns} FROM auth.links l JOIN auth.users u ON u.id = l.user_id
        WHERE l.hash = ${hashOfLink(token)}::bytea AND l.purpose = ${purpose} AND l.expires_at > now()
          AND u.email = l.email AND u.disabled_at IS NULL`;
      return user && toUser(user);
    },

    async sweep() {
      await db.$executeRaw`DELETE FROM auth.links WHERE expires_at < now()`;
    },
  };
}

/**
 * Consumes a valid link and returns its account. Also deletes the account's other links of that purpose. Locks the
 * account first, as `insert` does.
 * @param ownerId the account that must own the link; undefined: any
 */
export async function useLink(
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

/** Deletes an account's links of a purpose. */
export function endLinks(db: Pick<PrismaClient, '$executeRaw'>, userId: string, purpose: LinkPurpose) {
  return db.$executeRaw`DELETE FROM auth.links WHERE user_id = ${userId}::uuid AND purpose = ${purpose}`;
}
