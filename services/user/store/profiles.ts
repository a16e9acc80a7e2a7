import type { PrismaClient } from '#gen/prisma/user/client.ts';
import type { ProfileFields, ProfileStore } from '../domain/profiles.ts';

const select = { name: true, bio: true, phone: true, locale: true } as const;

/**
 * Creates the profile store in PostgreSQL. `begin` and `erase` both lock the owner's row first, which decides whether a
 * profile may be written: a statement that only read the tombstone would miss one committed concurrently.
 */
export function createProfileStore(db: PrismaClient): ProfileStore {
  return {
    async find(userId) {
      return (await db.profile.findUnique({ where: { userId }, select })) ?? undefined;
    },
    async update(userId, changes) {
      const [updated] = await db.profile.updateManyAndReturn({ where: { userId }, data: changes, select });
      return updated;
    },
    async begin(userId, fields, changes) {
      const { name, bio, phone, locale } = fields;
      const [written] = await db.$queryRaw<ProfileFields[]>`
        WITH owner AS (
          INSERT INTO "user".owners AS o (user_id) VALUES (${userId}::uuid)
          ON CONFLICT (user_id) DO UPDATE SET user_id = o.user_id WHERE o.erased_at IS NULL
          RETURNING user_id
        )
        INSERT INTO "user".profiles AS p (user_id, name, bio, phone, locale)
        SELECT user_id, ${name}, ${bio}, ${phone}, ${locale} FROM owner
        ON CONFLICT (user_id) DO UPDATE SET
          name = coalesce(${changes.name ?? null}, p.name), bio = coalesce(${changes.bio ?? null}, p.bio),
          phone = coalesce(${changes.phone ?? null}, p.phone), locale = coalesce(${changes.locale ?? null}, p.locale),
          updated_at = now()
        RETURNING name, bio, phone, locale`;
      return written;
    },
    async erase(userIds) {
      const ids = [...userIds];
      // Two statements, so the second sees a profile whose update the first waited for. ORDER BY avoids deadlocks.
      await db.$transaction([
        db.$executeRaw`
          INSERT INTO "user".owners AS o (user_id, erased_at)
          SELECT id, now() FROM unnest(${ids}::uuid[]) AS id ORDER BY id
          ON CONFLICT (user_id) DO UPDATE SET erased_at = coalesce(o.erased_at, excluded.erased_at)`,
        db.$executeRaw`DELETE FROM "user".profiles WHERE user_id = ANY(${ids}::uuid[])`,
      ]);
    },
    async page(after, take) {
      const rows = await db.profile.findMany({
        ...(after === undefined ? {} : { where: { userId: { gt: after } } }),
        orderBy: { userId: 'asc' },
        take,
        select: { userId: true },
      });
      return rows.map(({ userId }) => userId);
    },
  };
}
