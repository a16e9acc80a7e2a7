import { NotificationService } from '#gen/proto/signet/notification/v1/notification_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createChanges } from '#kit/db/changes.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { follow } from '#kit/events/follow.ts';
import { openJobs } from '#kit/jobs/jobs.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import type { Statements } from '#kit/store/statements.ts';
import { createRecipients } from './clients/recipients.ts';
import { createMailDropper, createMailKeeper, createSmtp, type OpenMailSender } from './clients/smtp.ts';
import { createSmsLog } from './clients/sms-log.ts';
import { createInbox } from './domain/inbox.ts';
import { createMailbox } from './domain/mailbox.ts';
import { createMessages, type MessageJob } from './domain/messages.ts';
import { createPreferences } from './domain/preferences.ts';
import { noticesOf, type Payload, type PayloadSchema } from './handler/events.ts';
import { notificationHandler } from './handler/notification.ts';
import { notification } from './service.ts';
import { createInboxStore } from './store/inbox.ts';
import { createMailboxStore } from './store/mailbox.ts';
import { createNoticeStore, madeChannel, type NoticeOfEvent } from './store/notices.ts';
import { createPreferenceStore } from './store/preferences.ts';

/** Retries of a message: with growing delays, for about two days. */
const messagePolicy = { retries: 60, delay: 2, maxDelay: 3_600, timeout: 60 } as const;
/** Messages that a process sends at once. */
const senders = 2;

/** Wires the notification service. */
export async function build({
  database,
  config,
  to,
  log,
  metrics,
}: ServiceDeps<typeof notification>): Promise<BuiltService> {
  const { smtpUrl, mailFrom, issuer, linkUrl = issuer, environment } = config;
  const { statements: db } = database;
  const notices = createNoticeStore(db);
  const mailboxStore = smtpUrl || environment === 'production' ? undefined : createMailboxStore(db);

  async function openMails(): Promise<OpenMailSender> {
    if (smtpUrl) return createSmtp({ url: smtpUrl, from: mailFrom, host: new URL(issuer).hostname });
    return mailboxStore ? createMailKeeper(mailboxStore) : createMailDropper(log);
  }

  const mails = await openMails();
  const jobs = await openJobs<{ message: MessageJob }>(
    { database: config, service: notification.name, log, metrics },
    { message: messagePolicy },
  );
  const send = createMessages({
    find: notices.find,
    recipients: createRecipients(to('auth'), to('user')),
    mails,
    texts: createSmsLog(log),
    site: linkUrl,
  });
  await jobs.run('message', senders, ({ data }) => send(data));

  const erasure = createErasure({ service: notification.name, db, auth: to('auth'), erase: notices.erase, log });
  const shared = { consumer: notification.name, db, log, metrics };

  /** Makes the notifications of events, and the jobs of their messages, in the transaction of the cursor. */
  async function notify(made: readonly NoticeOfEvent[], tx: Statements): Promise<void> {
    for (const job of await notices.insertOnce(made, tx)) await jobs.send(tx, 'message', job);
  }

  const accounts = follow({
    ...shared,
    source: 'auth',
    transport: to('auth'),
    types: notification.consumes.auth,
    async apply(events, tx: Statements) {
      await notify(madeOf(events), tx);
      await erasure.apply(
        events.filter(({ type }) => type === 'user.deleted').map(({ subject }) => subject),
        tx,
      );
    },
  });
  const profiles = follow({
    ...shared,
    source: 'user',
    transport: to('user'),
    types: notification.consumes.user,
    apply: (events, tx: Statements) =>
      notices.setLocales(new Map(events.map(({ message }) => [message.userId, message.locale])), tx),
  });

  /** Follows a producer whose events only make notifications. */
  const followOnly = (source: 'order' | 'payment' | 'ride') => {
    const types: readonly PayloadSchema[] = notification.consumes[source];
    return follow({
      ...shared,
      source,
      transport: to(source),
      types,
      apply: (events, tx: Statements) => notify(madeOf(events), tx),
    });
  };

  const changes = createChanges(madeChannel);
  const closing = new AbortController();
  const handler = notificationHandler({
    inbox: createInbox(createInboxStore(db)),
    preferences: createPreferences(createPreferenceStore(db)),
    mailbox: createMailbox(mailboxStore),
    changes,
    closing: closing.signal,
  });
  return {
    mounted: [mount(NotificationService, handler)],
    work: [erasure.work],
    followers: [accounts, profiles, followOnly('order'), followOnly('payment'), followOnly('ride')],
    heard: changes.heard,
    async close() {
      closing.abort();
      await jobs.close();
      mails.close();
    },
  };
}

/** The notices of events, each with the id of its event. */
function madeOf(events: readonly { readonly id: string; readonly message: Payload }[]): NoticeOfEvent[] {
  return events.flatMap(({ id: eventId, message }) => noticesOf(message).map((notice) => ({ ...notice, eventId })));
}
