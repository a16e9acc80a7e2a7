import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { Log } from '#kit/log/log.ts';

/** How often what nobody needs any more is taken away, ms. */
const every = 60_000;
/** Sessions that are over can be seen by their owners for so long. */
const keepSessions = '30 days';

/** Takes away what has expired. Replicas may do so at once: a row can be deleted only once. */
export function createSweeper(db: PrismaClient, log: Log): { sweep(): Promise<void>; close(): void } {
  async function sweep(): Promise<void> {
    // The last one stays, so that whoever stands at it is known when the next one comes.
    await db.$executeRaw`
      DELETE FROM auth.revocations
      WHERE expires_at < now() AND sequence < (SELECT revocation_sequence FROM auth.heads)`;
    await db.$executeRaw`DELETE FROM auth.attempts WHERE resets_at < now()`;
    await db.$executeRaw`DELETE FROM auth.links WHERE expires_at < now()`;
    await db.$executeRaw`DELETE FROM auth.assertions WHERE expires_at < now()`;
    await db.$executeRaw`
      DELETE FROM auth.sessions
      WHERE least(expires_at, idle_expires_at, revoked_at) < now() - ${keepSessions}::interval`;
  }
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => log.warn({ err: error }, 'what has expired could not be taken away'));
  }, every).unref();
  return { sweep, close: () => clearInterval(timer) };
}
