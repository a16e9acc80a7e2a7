import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { ErasureStore } from '../rules/erasures.ts';

/** Creates the store of erasures in PostgreSQL. */
export function createErasureStore(db: PrismaClient): ErasureStore {
  return {
    async find(userId) {
      const found = await db.erasure.findUnique({ where: { userId }, include: { confirmations: true } });
      return found ?? undefined;
    },
    async among(userIds) {
      const found = await db.erasure.findMany({ where: { userId: { in: [...userIds] } }, select: { userId: true } });
      return found.map(({ userId }) => userId);
    },
    async confirmOnce(userId, service) {
      const [found] = await db.$queryRaw<unknown[]>`
        WITH erasure AS (SELECT user_id FROM auth.erasures WHERE user_id = ${userId}::uuid), confirmed AS (
          INSERT INTO auth.erasure_confirmations (user_id, service) SELECT user_id, ${service} FROM erasure
          ON CONFLICT DO NOTHING
        )
        SELECT user_id FROM erasure`;
      return found !== undefined;
    },
  };
}
