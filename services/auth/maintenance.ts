import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { insertAudit, system } from './audit/public.ts';
import { revokeAllKeys } from './keys/public.ts';

/** Sessions that one transaction ends: each is also a revocation. */
const atOnce = 1_000;

/**
 * Makes the auth service's database safe after it was restored to an earlier state, which does not know what was revoked
 * since then: revokes all signing keys, so that no earlier access token is valid. Sessions go on by a refresh, unless they
 * are ended, too. The auth service may run meanwhile; it creates a new key at once, or when it starts.
 * @param options.at the time of the restored state, for the audit log
 * @param options.endSessions whether users must sign in again: sessions that were ended after `at` are live again
 * @returns the number of ended sessions
 */
export async function afterRestore(
  db: Transactional,
  { at, endSessions }: { readonly at: Date; readonly endSessions: boolean },
): Promise<{ readonly endedSessions: number }> {
  let endedSessions = 0;
  // Sessions that a refresh holds at the moment are passed over first, and then waited for.
  for (const waiting of [sql`SKIP LOCKED`, sql``]) {
    for (let ended = endSessions ? 1 : 0; ended > 0; endedSessions += ended) {
      ended = await db.$executeRaw(sql`
        UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'revoked'
        WHERE id IN (
          SELECT id FROM auth.sessions
          WHERE revoked_at IS NULL AND idle_expires_at > now() AND expires_at > now()
          ORDER BY id LIMIT ${atOnce} FOR UPDATE ${waiting}
        )`);
    }
  }
  await db.$transaction(async (tx) => {
    await revokeAllKeys(tx, system);
    await insertAudit(tx, {
      kind: 'database_restored',
      outcome: 'success',
      actor: system,
      details: { at: at.toISOString(), ended_sessions: endedSessions },
    });
  });
  return { endedSessions };
}
