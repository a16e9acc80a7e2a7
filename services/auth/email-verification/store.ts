import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import { auditColumns, auditValues } from '../audit/public.ts';
import { useLink } from '../links/public.ts';
import type { EmailVerificationStore } from './rules.ts';

/** Creates the store of verified emails in PostgreSQL. */
export function createEmailVerificationStore(db: PrismaClient): EmailVerificationStore {
  return {
    verify: (token, userId, by) =>
      db.$transaction(async (tx) => {
        if ((await useLink(tx, 'email_verification', token, userId)) === undefined) return false;
        const event = {
          kind: 'email_verified',
          outcome: 'success',
          actor: { ...by, id: userId },
          subjectId: userId,
        } as const;
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
