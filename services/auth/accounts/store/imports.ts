import { v7 as uuidv7 } from 'uuid';
import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { builtInRoles } from '#kit/contract/roles.ts';
import { auditColumns, auditValues } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import type { ImportStore, NewAccount } from '../rules/imports.ts';
import { registered } from './registered.ts';

/** Result row of one account. */
interface Row {
  id: string;
  created: boolean;
  rolesKnown: boolean;
}

const eventOfRow = {
  id: Prisma.sql`g.event_id`,
  subject: Prisma.sql`g.id::text`,
  details: Prisma.sql`jsonb_build_object('roles', to_jsonb(g.roles), 'email_verified', g.verified_at IS NOT NULL,
    'has_password', g.password_hash IS NOT NULL, 'disabled', g.disabled_at IS NOT NULL)`,
};

/** Creates the store of imported accounts in PostgreSQL. */
export function createImportStore(db: PrismaClient): ImportStore {
  return {
    async insertEachOnce(accounts, by) {
      const event = { kind: 'user_imported', outcome: 'success', actor: by } as const;
      const roles = [...new Set(accounts.flatMap(({ user }) => user.roles))];
      // The lock prevents granting a role while it is being deleted. Accounts are inserted in email order, so that two
      // imports of the same accounts do not deadlock.
      const insert = Prisma.sql`
        WITH given AS (
          SELECT * FROM jsonb_to_recordset(${JSON.stringify(accounts.map(toRow))}::jsonb) AS g (
            id uuid, event_id uuid, place int, email text, name text, password_hash text, roles text[],
            verified_at timestamptz, disabled_at timestamptz, created_at timestamptz
          )
        ), defined AS (
          SELECT name FROM auth.roles WHERE name = ANY (${roles}::text[]) FOR SHARE
        ), sound AS (
          SELECT * FROM given WHERE roles <@ (${[...builtInRoles]}::text[] || ARRAY(SELECT name FROM defined))
        ), made AS (
          INSERT INTO auth.users (id, email, name, password_hash, roles, verified_at, disabled_at, created_at)
          SELECT id, email, name, password_hash, roles, verified_at, disabled_at, created_at FROM sound
          ORDER BY email COLLATE "C", place
          ON CONFLICT DO NOTHING RETURNING id
        ), noted AS (
          INSERT INTO auth.audit_events ${auditColumns}
          SELECT ${auditValues(event, eventOfRow)} FROM given g JOIN made USING (id) ORDER BY g.place
        )
        SELECT g.id, made.id IS NOT NULL AS created, sound.id IS NOT NULL AS "rolesKnown"
        FROM given g LEFT JOIN sound USING (id) LEFT JOIN made USING (id)`;
      const rows = await db.$transaction(async (tx) => {
        const found = await tx.$queryRaw<Row[]>(insert);
        const created = new Set(found.filter((row) => row.created).map(({ id }) => id));
        await record(
          tx,
          ...accounts.filter(({ user }) => created.has(user.id)).map(({ user }) => registered(user, false)),
        );
        return found;
      });
      const results = new Map(rows.map((row) => [row.id, row]));
      const taken = accounts.filter(({ user: { id } }) => results.get(id)?.rolesKnown && !results.get(id)?.created);
      const holders = await holdersOf(taken.map(({ user }) => user.email));
      return accounts.map(({ user: { id, email } }) => {
        const row = results.get(id);
        if (!row?.rolesKnown) return { outcome: 'role_unknown' };
        return row.created ? { outcome: 'created' } : { outcome: 'email_taken', userId: holders.get(email) ?? '' };
      });
    },
  };

  /** The accounts that have the emails. A separate statement, which sees accounts that another import committed meanwhile. */
  async function holdersOf(emails: readonly string[]): Promise<Map<string, string>> {
    if (emails.length === 0) return new Map();
    const rows = await db.$queryRaw<{ id: string; email: string }[]>`
      SELECT id, email FROM auth.users WHERE email = ANY (${[...emails]}::text[])`;
    return new Map(rows.map(({ id, email }) => [email, id]));
  }
}

function toRow({ user, passwordHash }: NewAccount, place: number) {
  const { id, email, name, roles, verifiedAt, disabledAt, createdAt } = user;
  return {
    id,
    event_id: uuidv7(),
    place,
    email,
    name,
    password_hash: passwordHash,
    roles,
    verified_at: verifiedAt,
    disabled_at: disabledAt,
    created_at: createdAt,
  };
}
