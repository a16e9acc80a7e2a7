import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import { networkOf } from '#kit/net/network.ts';
import { auditColumns, auditValues, system } from '../../audit/public.ts';
import { record } from '../../events/public.ts';
import { registered } from './registered.ts';
import type { RegistrationStore } from '../rules/registration.ts';

/** Creates the store of new accounts in PostgreSQL. */
export function createRegistrationStore(db: PrismaClient): RegistrationStore {
  return {
    async insertOnce(user, passwordHash, by) {
      const event = {
        kind: 'registered',
        outcome: 'success',
        actor: { ...by, id: user.id },
        subjectId: user.id,
      } as const;
      return db.$transaction(async (tx) => {
        const inserted = await tx.$executeRaw`
          WITH u AS (
            INSERT INTO auth.users (id, email, name, password_hash, password_from, password_at, roles, created_at)
            VALUES (${user.id}::uuid, ${user.email}, ${user.name}, ${passwordHash}, ${networkOf(by.ip)}, now(),
                    ${[...user.roles]}::text[], ${user.createdAt})
            ON CONFLICT DO NOTHING RETURNING id
          )
          INSERT INTO auth.audit_events ${auditColumns} SELECT ${auditValues(event)} FROM u`;
        if (inserted === 1) await record(tx, registered(user, by !== system));
        return inserted === 1;
      });
    },
    async anyWithRole(role) {
      return (await db.user.findFirst({ where: { roles: { has: role } }, select: { id: true } })) !== null;
    },
  };
}
