import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import { columns } from '#kit/store/columns.ts';
import { ascending, keyset } from '#kit/store/keyset.ts';
import { sql } from '#kit/store/sql.ts';
import { where } from '#kit/store/where.ts';
import { insertAudit } from '../audit/public.ts';
import { secondsFromNow, tookLong } from '../revocation/public.ts';
import type { RoleDefinition, RoleStore } from './rules/definitions.ts';

const roleColumns = columns<RoleDefinition>('', { role: sql`name`, scopes: true, createdAt: true });

const byName = ascending(['name', 'text C']);

/** Creates the store of roles in PostgreSQL. It compares names bytewise, as the code that merges them with built-in roles does. */
export function createRoleStore(db: PrismaClient): RoleStore {
  return {
    async page({ take, after }) {
      return db.$queryRaw<RoleDefinition[]>`
        SELECT ${roleColumns} FROM auth.roles WHERE ${where([keyset(byName, after)])}
        ORDER BY ${byName.by} LIMIT ${take}`;
    },
    async put(role, scopes, by) {
      const since = performance.now();
      let loses = false;
      const put = await db.$transaction(async (tx) => {
        const [before] = await tx.$queryRaw<RoleDefinition[]>`
          SELECT ${roleColumns} FROM auth.roles WHERE name = ${role} FOR UPDATE`;
        if (before && before.scopes.join(' ') === scopes.join(' ')) return before;
        loses = before?.scopes.some((scope) => !scopes.includes(scope)) ?? false;
        // A new role may have the name of a recently deleted one, whose tokens are revoked.
        const [row] = await tx.$queryRaw<RoleDefinition[]>`
          INSERT INTO auth.roles AS r (name, scopes, tokens_from)
          VALUES (${role}, ${[...scopes]}::text[], ${secondsFromNow})
          ON CONFLICT (name) DO UPDATE SET
            scopes = excluded.scopes,
            tokens_from = CASE WHEN r.scopes <@ excluded.scopes THEN r.tokens_from
                          ELSE greatest(excluded.tokens_from, r.tokens_from + interval '1 second') END
          RETURNING ${roleColumns}`;
        await insertAudit(tx, {
          kind: 'role_defined',
          outcome: 'success',
          actor: by,
          subjectId: role,
          details: { scopes },
        });
        if (!row) throw new Error('an upsert returned no row');
        return row;
      });
      if (loses && tookLong(since)) {
        await db.$executeRaw`
          UPDATE auth.roles SET tokens_from = greatest(${secondsFromNow}, tokens_from + interval '1 second')
          WHERE name = ${role}`;
      }
      return put;
    },
    async remove(role, by) {
      const since = performance.now();
      const removed = await db.$transaction(async (tx) => {
        const deleted = await tx.$executeRaw`DELETE FROM auth.roles WHERE name = ${role}`;
        if (deleted === 0) return false;
        // In id order, as all statements that change several accounts, to avoid deadlocks.
        const holders = await tx.$executeRaw`
          UPDATE auth.users SET roles = array_remove(roles, ${role})
          WHERE id IN (SELECT id FROM auth.users WHERE roles @> ARRAY[${role}] ORDER BY id FOR NO KEY UPDATE)`;
        await insertAudit(tx, {
          kind: 'role_deleted',
          outcome: 'success',
          actor: by,
          subjectId: role,
          details: { holders },
        });
        return true;
      });
      if (removed && tookLong(since)) {
        await db.$queryRaw`
          SELECT auth.revoke('role', ${role}, ${secondsFromNow}, interval '1 hour 10 seconds')::text`;
      }
      return removed;
    },
  };
}
