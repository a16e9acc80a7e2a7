import type { PrismaClient } from '#gen/prisma/user/client.ts';
import type { ProfileFields, ProfileStore } from '../domain/profiles.ts';

const select = { name: true, bio: true, phone: true, locale: true } as const;

/** Profiles in PostgreSQL. */
export function createProfileStore(db: PrismaClient): ProfileStore {
  const find = async (userId: string): Promise<ProfileFields | undefined> =>
    (await db.profile.findUnique({ where: { userId }, select })) ?? undefined;
  return {
    find,
    async insertOnce(userId, fields) {
      await db.profile.createMany({ data: [{ userId, ...fields }], skipDuplicates: true });
      return (await find(userId)) ?? fields;
    },
    async update(userId, changes) {
      const [updated] = await db.profile.updateManyAndReturn({ where: { userId }, data: changes, select });
      return updated;
    },
    async removeWith(userId, work) {
      await db.$transaction(
        async (tx) => {
          await tx.profile.deleteMany({ where: { userId } });
          await work();
        },
        { timeout: 20_000 },
      );
    },
  };
}
