import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import type { RoleDefinition, RoleStore } from '../domain/role-definitions.ts';
import { insertAudit } from './audit.ts';
import { tokensFromNow } from './users.ts';

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
    put: (role, scopes) =>
      db.$transaction(async (tx) => {
        const [before] = await tx.$queryRaw<Row[]>`
          SELECT name, scopes, created_at FROM auth.roles WHERE name = ${role} FOR UPDATE`;
        if (before && before.scopes.join(' ') === scopes.join(' ')) return toRole(before);
        const [row] = await tx.$queryRaw<Row[]>`
          INSERT INTO auth.roles (name, scopes) VALUES (${role}, ${[...scopes]}::text[])
          ON CONFLICT (name) DO UPDATE SET scopes = excluded.scopes RETURNING name, scopes, created_at`;
        if (before?.scopes.some((scope) => !scopes.includes(scope))) await change(tx, role, Prisma.empty);
        await insertAudit(tx, { kind: 'role_defined', outcome: 'success', subjectId: role, details: { scopes } });
        if (!row) throw new Error('an upsert answered nothing');
        return toRole(row);
      }),
    remove: (role) =>
      db.$transaction(async (tx) => {
        const removed = await tx.$executeRaw`DELETE FROM auth.roles WHERE name = ${role}`;
        if (removed === 0) return false;
        const holders = await change(tx, role, Prisma.sql`, roles = array_remove(roles, ${role})`);
        await insertAudit(tx, { kind: 'role_deleted', outcome: 'success', subjectId: role, details: { holders } });
        return true;
      }),
  };
}

/** Changes all who have a role, in the order of their ids; their tokens are refused from now on. */
async function change(tx: Prisma.TransactionClient, role: string, set: Prisma.Sql): Promise<number> {
  return tx.$executeRaw`
    UPDATE auth.users SET tokens_from = ${tokensFromNow}${set}
    WHERE id IN (SELECT id FROM auth.users WHERE ${role} = ANY (roles) ORDER BY id FOR NO KEY UPDATE)`;
}

function toRole({ name: role, scopes, created_at: createdAt }: Row): RoleDefinition {
  return { role, scopes, createdAt };
}
