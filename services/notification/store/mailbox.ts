import { livingOwners } from '#kit/erasure/owners.ts';
import { columns } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import type { KeptMail, MailboxStore } from '../domain/mailbox.ts';

/** Number of mails that the mailbox keeps. */
const kept = 1_000;

const mailColumns = columns<KeptMail>('m', {
  id: true,
  recipient: true,
  subject: true,
  text: true,
  html: true,
  createdAt: true,
});

const newestFirst = descending(['m.created_at', 'timestamptz'], ['m.id', 'uuid']);

/** Creates the store of the development mailbox in PostgreSQL. */
export function createMailboxStore(db: Transactional): MailboxStore {
  return {
    async insert({ id, userId, recipient, subject, text, html }) {
      await db.$executeRaw`
        WITH owner AS (${livingOwners('notification', [userId])}), surplus AS (
          DELETE FROM notification.mails WHERE id IN (
            SELECT m.id FROM notification.mails m ORDER BY ${newestFirst.by} OFFSET ${kept - 1}
          )
        )
        INSERT INTO notification.mails (id, user_id, recipient, subject, text, html)
        SELECT ${id}::uuid, user_id, ${recipient}, ${subject}, ${text}, ${html} FROM owner
        ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, text = excluded.text, html = excluded.html`;
    },
    page(recipient, { take, after }) {
      const wanted = where([recipient !== undefined && sql`m.recipient = ${recipient}`, keyset(newestFirst, after)]);
      return db.$queryRaw<KeptMail[]>`
        SELECT ${mailColumns} FROM notification.mails m WHERE ${wanted} ORDER BY ${newestFirst.by} LIMIT ${take}`;
    },
  };
}
