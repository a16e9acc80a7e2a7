import { columns, present } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import type { Facts, InboxStore, Notification } from '../domain/inbox.ts';
import type { Kind } from '../domain/kinds.ts';

/** A row of a notification, with the language of its user. */
interface Row {
  readonly id: string;
  readonly place: bigint;
  readonly kind: Kind;
  readonly data: Facts;
  readonly createdAt: Date;
  readonly readAt: Date | null;
  readonly locale: string;
}

/** The columns of a notification `n`. */
const rowColumns = columns<Row>('n', {
  id: true,
  place: true,
  kind: true,
  data: true,
  createdAt: true,
  readAt: true,
  locale: sql`coalesce((SELECT l.locale FROM notification.languages l WHERE l.user_id = n.user_id), '')`,
});

const newestFirst = descending(['n.place', 'bigint']);

/** Creates the store of inboxes in PostgreSQL. */
export function createInboxStore(db: Transactional): InboxStore {
  return {
    async page(userId, unreadOnly, { take, after }) {
      const wanted = where([
        sql`n.user_id = ${userId}::uuid`,
        unreadOnly && sql`n.read_at IS NULL`,
        keyset(newestFirst, after),
      ]);
      const rows = await db.$queryRaw<Row[]>`
        SELECT ${rowColumns} FROM notification.notifications n WHERE ${wanted} ORDER BY ${newestFirst.by} LIMIT ${take}`;
      return rows.map(toNotification);
    },

    async unreadCount(userId) {
      const [row] = await db.$queryRaw<{ count: number }[]>`
        SELECT count(*)::int AS count FROM notification.notifications
        WHERE user_id = ${userId}::uuid AND read_at IS NULL`;
      return row?.count ?? 0;
    },

    async markRead(userId, id) {
      const [row] = await db.$queryRaw<Row[]>`
        UPDATE notification.notifications n SET read_at = coalesce(read_at, now())
        WHERE id = ${id}::uuid AND user_id = ${userId}::uuid RETURNING ${rowColumns}`;
      return row && toNotification(row);
    },

    markAllRead: (userId) => db.$executeRaw`
      UPDATE notification.notifications SET read_at = now() WHERE user_id = ${userId}::uuid AND read_at IS NULL`,

    async end(userId) {
      const [row] = await db.$queryRaw<{ place: bigint }[]>`
        SELECT place FROM notification.notifications WHERE user_id = ${userId}::uuid ORDER BY place DESC LIMIT 1`;
      return row?.place ?? 0n;
    },

    async after(userId, place, take) {
      const rows = await db.$queryRaw<Row[]>`
        SELECT ${rowColumns} FROM notification.notifications n
        WHERE user_id = ${userId}::uuid AND place > ${place} ORDER BY place LIMIT ${take}`;
      return rows.map(toNotification);
    },
  };
}

function toNotification(row: Row): Notification {
  return present(row);
}
