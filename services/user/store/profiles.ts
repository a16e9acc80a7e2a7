import { ProfileUpdatedSchema } from '#gen/proto/signet/events/v1/user_events_pb.ts';
import { livingOwners } from '#kit/erasure/owners.ts';
import { createRecord } from '#kit/events/record.ts';
import { columns, present } from '#kit/store/columns.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import type { ProfileFields, ProfileStore, StoredProfile } from '../domain/profiles.ts';
import { user } from '../service.ts';

interface ProfileRow {
  readonly name: string | null;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

const profileColumns = columns<ProfileRow>('p', { name: true, bio: true, phone: true, locale: true });

const record = createRecord('user', user.produces);

/** Creates the profile store in PostgreSQL. Every insert locks the owner's row, which decides whether it may be written. */
export function createProfileStore(db: Transactional) {
  return {
    async find(userId) {
      const [row] = await db.$queryRaw<ProfileRow[]>`
        SELECT ${profileColumns} FROM "user".profiles p WHERE user_id = ${userId}::uuid`;
      return row && present(row);
    },
    async update(userId, changes) {
      const { locale } = changes;
      if (locale === undefined) return write(db, userId, changes);
      return db.$transaction(async (tx) => {
        const written = await write(tx, userId, changes);
        if (written) await record(tx, { type: ProfileUpdatedSchema, subject: userId, message: { userId, locale } });
        return written;
      });
    },
    /** Inserts the profiles of new accounts in a transaction. Existing ones and those of erased accounts stay as they are. */
    async insert(userIds: readonly string[], tx: Statements): Promise<void> {
      if (userIds.length === 0) return;
      await tx.$executeRaw`
        WITH owner AS (${livingOwners('user', userIds)})
        INSERT INTO "user".profiles (user_id) SELECT user_id FROM owner ON CONFLICT DO NOTHING`;
    },
    /** Deletes the profiles of erased accounts in the transaction that writes their tombstones. */
    async erase(userIds: readonly string[], tx: Statements): Promise<void> {
      await tx.$executeRaw`DELETE FROM "user".profiles WHERE user_id = ANY(${[...userIds]}::uuid[])`;
    },
  } satisfies ProfileStore & Record<string, unknown>;
}

/** Applies changes to a profile, or inserts it; undefined for an erased account. */
async function write(
  db: Statements,
  userId: string,
  { name, bio, phone, locale }: Partial<ProfileFields>,
): Promise<StoredProfile | undefined> {
  const [written] = await db.$queryRaw<ProfileRow[]>`
    WITH owner AS (${livingOwners('user', [userId])})
    INSERT INTO "user".profiles AS p (user_id, name, bio, phone, locale)
    SELECT user_id, ${name ?? null}, ${bio ?? ''}, ${phone ?? ''}, ${locale ?? ''} FROM owner
    ON CONFLICT (user_id) DO UPDATE SET
      name = coalesce(${name ?? null}, p.name), bio = coalesce(${bio ?? null}, p.bio),
      phone = coalesce(${phone ?? null}, p.phone), locale = coalesce(${locale ?? null}, p.locale),
      updated_at = now()
    RETURNING ${profileColumns}`;
  return written && present(written);
}
