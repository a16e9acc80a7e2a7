import type { Statements } from '#kit/store/statements.ts';

/** Ends the sessions of a user, except `keep`; returns their number. The trigger `sessions_end` writes their revocations. */
export function endSessions(db: Pick<Statements, '$executeRaw'>, userId: string, reason: string, keep?: string) {
  return db.$executeRaw`
    UPDATE auth.sessions SET revoked_at = now(), revoked_reason = ${reason}
    WHERE user_id = ${userId}::uuid AND revoked_at IS NULL AND id::text <> ${keep ?? ''}`;
}
