import { v7 as uuidv7 } from 'uuid';
import { livingOwners } from '#kit/erasure/owners.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { isSecurity } from '../domain/kinds.ts';
import type { Addressed, MessageJob } from '../domain/messages.ts';
import type { Notice } from '../domain/notices.ts';
import { standard } from '../domain/preferences.ts';

/** The channel on which PostgreSQL notifies of new notifications; the payload is the user's id. */
export const madeChannel = 'signet_notifications';

/** A notice with the event that it is made from. */
export interface NoticeOfEvent extends Notice {
  readonly eventId: string;
}

/** Creates the store of what events give rise to. */
export function createNoticeStore(db: Transactional) {
  return {
    /**
     * Inserts notifications in the transaction of the cursor, one for each event, kind and user, and none for erased accounts.
     * Returns the messages to send, by the users' preferences.
     */
    async insertOnce(notices: readonly NoticeOfEvent[], tx: Statements): Promise<MessageJob[]> {
      if (notices.length === 0) return [];
      const given = notices.map(({ eventId, userId, kind, data, linkId }) => ({
        id: uuidv7(),
        event_id: eventId,
        user_id: userId,
        kind,
        data,
        link_id: linkId ?? null,
        is_security: isSecurity(kind),
      }));
      const users = notices.map(({ userId }) => userId);
      const made = await tx.$queryRaw<{ id: string; email: boolean; sms: boolean; linkId: string | null }[]>`
        WITH owner AS (${livingOwners('notification', users)}), given AS (
          SELECT g.*, place FROM jsonb_array_elements(${JSON.stringify(given)}::jsonb) WITH ORDINALITY AS e (item, place),
            jsonb_to_record(item) AS g (id uuid, event_id uuid, user_id uuid, kind text, data jsonb, link_id uuid,
                                        is_security boolean)
        ), made AS (
          INSERT INTO notification.notifications (id, event_id, user_id, kind, data)
          SELECT g.id, g.event_id, g.user_id, g.kind, g.data FROM given g JOIN owner USING (user_id) ORDER BY g.place
          ON CONFLICT DO NOTHING
          RETURNING id, user_id
        ), heard AS (SELECT pg_notify(${madeChannel}, user_id::text) FROM (SELECT DISTINCT user_id FROM made) AS users)
        SELECT g.id, g.link_id AS "linkId",
          g.is_security OR coalesce(p.email, ${standard.email}) AS email,
          NOT g.is_security AND coalesce(p.sms, ${standard.sms}) AS sms
        FROM made JOIN given g USING (id) LEFT JOIN notification.preferences p ON p.user_id = g.user_id AND p.kind = g.kind
          CROSS JOIN (SELECT count(*) FROM heard) AS notified
        ORDER BY g.place`;
      return made.flatMap(({ id: notificationId, email, sms, linkId }) => [
        ...(email ? [{ notificationId, channel: 'email' as const, ...(linkId === null ? {} : { linkId }) }] : []),
        ...(sms ? [{ notificationId, channel: 'sms' as const }] : []),
      ]);
    },

    /** A notification for its message. */
    async find(notificationId: string): Promise<Addressed | undefined> {
      const [row] = await db.$queryRaw<Addressed[]>`
        SELECT n.user_id AS "userId", n.kind, n.data, coalesce(l.locale, '') AS locale, (
          SELECT count(*)::int FROM notification.notifications o
          WHERE o.user_id = n.user_id AND o.place <= n.place AND o.created_at > now() - interval '1 day'
        ) AS recent
        FROM notification.notifications n LEFT JOIN notification.languages l USING (user_id)
        WHERE n.id = ${notificationId}::uuid`;
      return row;
    },

    /** Sets the languages of users, in the transaction of the cursor. The last of several for a user counts. */
    async setLocales(locales: ReadonlyMap<string, string>, tx: Statements): Promise<void> {
      if (locales.size === 0) return;
      await tx.$executeRaw`
        WITH owner AS (${livingOwners('notification', [...locales.keys()])}), given AS (
          SELECT * FROM unnest(${[...locales.keys()]}::uuid[], ${[...locales.values()]}::text[]) AS g (user_id, locale)
        )
        INSERT INTO notification.languages (user_id, locale) SELECT user_id, locale FROM given JOIN owner USING (user_id)
        ON CONFLICT (user_id) DO UPDATE SET locale = excluded.locale`;
    },

    /** Deletes everything of erased accounts, in the transaction that writes their tombstones. */
    async erase(userIds: readonly string[], tx: Statements): Promise<void> {
      const ids = [...userIds];
      await tx.$executeRaw`DELETE FROM notification.notifications WHERE user_id = ANY(${ids}::uuid[])`;
      await tx.$executeRaw`DELETE FROM notification.preferences WHERE user_id = ANY(${ids}::uuid[])`;
      await tx.$executeRaw`DELETE FROM notification.languages WHERE user_id = ANY(${ids}::uuid[])`;
      await tx.$executeRaw`DELETE FROM notification.mails WHERE user_id = ANY(${ids}::uuid[])`;
    },
  };
}
