import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { RoleDefinition, RoleStore } from '../domain/role-definitions.ts';
import { insertAudit } from './audit.ts';
import { secondsFromNow, tookLong } from './users.ts';

interface Row {
  name: string;
  scopes: string[];
  created_at: Date;
}

/** Roles in PostgreSQL. Names are compared byte by byte, as the code that merges them with others does. */
export function createRoleStore(db: PrismaClient): RoleStore {
  return {
    async page({ take, after }) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT name, scopes, created_at FROM auth.roles
        WHERE name COLLATE "C" > ${after?.[0] ?? ''} ORDER BY name COLLATE "C" LIMIT ${take}`;
      return rows.map(toRole);
    },
    async scopesOf(roles) {
      const rows = await db.$queryRaw<{ scope: string }[]>`
        SELECT DISTINCT unnest(scopes) AS scope FROM auth.roles WHERE name = ANY (${[...roles]}::text[])`;
      return rows.map(({ scope }) => scope);
    },
    async put(role, scopes) {
      const since = performance.now();
      let loses = false;
      const put = await db.$transaction(async (tx) => {
        const [before] = await tx.$queryRaw<Row[]>`
          SELECT name, scopes, created_at FROM auth.roles WHERE name = ${role} FOR UPDATE`;
        if (before && before.scopes.join(' ') === scopes.join(' ')) return toRole(before);
        loses = before?.scopes.some((scope) => !scopes.includes(scope)) ?? false;
        // A new role may have the name of one that went a moment ago, whose tokens are refused.
        const [row] = await tx.$queryRaw<Row[]>`
          INSERT INTO auth.roles AS r (name, scopes, tokens_from)
          VALUES (${role}, ${[...scopes]}::text[], ${secondsFromNow})
          ON CONFLICT (name) DO UPDATE SET
            scopes = excluded.scopes,
            tokens_from = CASE WHEN r.scopes <@ excluded.scopes THEN r.tokens_from
                          ELSE greatest(excluded.tokens_from, r.tokens_from + interval '1 second') END
          RETURNING name, scopes, created_at`;
        await insertAudit(tx, { kind: 'role_defined', outcome: 'success', subjectId: role, details: { scopes } });
        if (!row) throw new Error('an upsert answered nothing');
        return toRole(row);
      });
      if (loses && tookLong(since)) {
        await db.$executeRaw`
          UPDATE auth.roles SET tokens_from = greatest(${secondsFromNow}, tokens_from + interval '1 second')
          WHERE name = ${role}`;
      }
      return put;
    },
    async remove(role) {
      const since = performance.now();
      const removed = await db.$transaction(async (tx) => {
        const deleted = await tx.$executeRaw`DELETE FROM auth.roles WHERE name = ${role}`;
        if (deleted === 0) return false;
        // In the order of their ids, as whoever else changes several.
        const holders = await tx.$executeRaw`
          UPDATE auth.users SET roles = array_remove(roles, ${role})
          WHERE id IN (SELECT id FROM auth.users WHERE roles @> ARRAY[${role}] ORDER BY id FOR NO KEY UPDATE)`;
        await insertAudit(tx, { kind: 'role_deleted', outcome: 'success', subjectId: role, details: { holders } });
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

function toRole({ name: role, scopes, created_at: createdAt }: Row): RoleDefinition {
  return { role, scopes, createdAt };
}
