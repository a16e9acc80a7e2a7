import { livingOwners } from '#kit/erasure/owners.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { Kind } from '../domain/kinds.ts';
import { type PreferenceStore, standard } from '../domain/preferences.ts';

/** Creates the store of preferences in PostgreSQL. A user without a row has the standard ones. */
export function createPreferenceStore(db: Transactional): PreferenceStore {
  return {
    async find(userId) {
      const rows = await db.$queryRaw<{ kind: Kind; email: boolean; sms: boolean }[]>`
        SELECT kind, email, sms FROM notification.preferences WHERE user_id = ${userId}::uuid`;
      return new Map(rows.map(({ kind, ...channels }) => [kind, channels]));
    },
    async choose(userId, changes) {
      const given = changes.map(({ kind, email, sms }) => ({ kind, email: email ?? null, sms: sms ?? null }));
      const [owner] = await db.$queryRaw<unknown[]>`
        WITH owner AS (${livingOwners('notification', [userId])}), given AS (
          SELECT * FROM jsonb_to_recordset(${JSON.stringify(given)}::jsonb) AS g (kind text, email boolean, sms boolean)
        ), chosen AS (
          INSERT INTO notification.preferences AS p (user_id, kind, email, sms)
          SELECT user_id, kind, coalesce(email, ${standard.email}), coalesce(sms, ${standard.sms}) FROM given, owner
          ORDER BY kind
          ON CONFLICT (user_id, kind) DO UPDATE SET
            email = coalesce((SELECT g.email FROM given g WHERE g.kind = p.kind), p.email),
            sms = coalesce((SELECT g.sms FROM given g WHERE g.kind = p.kind), p.sms)
        )
        SELECT user_id FROM owner`;
      return owner !== undefined;
    },
  };
}
