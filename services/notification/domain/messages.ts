import { mailOf, smsOf, type RenderedMail } from './templates/render.ts';
import type { Facts } from './inbox.ts';
import type { Kind } from './kinds.ts';

/** A message to a user, as its job holds it: ids only. */
export interface MessageJob {
  readonly notificationId: string;
  readonly channel: 'email' | 'sms';
  /** Id of the link that a mail contains. */
  readonly linkId?: string;
}

/** A notification for its message. */
export interface Addressed {
  readonly userId: string;
  readonly kind: Kind;
  readonly data: Facts;
  readonly locale: string;
  /** Notifications of the user within a day, up to this one. */
  readonly recent: number;
}

/** Mails to an address that is not verified, within a day: it may be a stranger's. Links have limits of their own. */
const maxUnverified = 20;

/** Where a mail goes. */
export interface Contact {
  readonly email: string;
  readonly isVerified: boolean;
  /** Empty where the email is not verified: a stranger may have chosen the name. */
  readonly name: string;
}

/** A link with its token. */
export interface Link extends Omit<Contact, 'isVerified'> {
  readonly token: string;
  /** Address of the client that requested it; empty if unknown. */
  readonly requestedFrom: string;
}

/** Port to the auth and user services. Each resolves to undefined where the account or the link is gone. */
export interface Recipients {
  contact(userId: string): Promise<Contact | undefined>;
  link(linkId: string): Promise<Link | undefined>;
  /** Undefined also for a user without a phone number. */
  phone(userId: string): Promise<string | undefined>;
}

/** Port to a mail server. @throws PermanentFailure if the server refuses the mail for good; other errors are retried */
export interface MailSender {
  /** @param id stays the same when a mail is sent again */
  send(mail: RenderedMail & { readonly id: string; readonly userId: string; readonly to: string }): Promise<void>;
}

/** Port to a provider of text messages. @throws PermanentFailure, as `MailSender` */
export interface SmsSender {
  /** @param id stays the same when a message is sent again */
  send(message: {
    readonly id: string;
    readonly to: string;
    readonly text: string;
    readonly kind: Kind;
  }): Promise<void>;
}

/**
 * Creates the function that sends a message. Recipients are asked for just before, so that a change of the email is
 * followed, and no queue holds personal data. Without a recipient it sends nothing, nor more than 20 mails a day to an
 * address that is not verified, apart from links.
 */
export function createMessages(deps: {
  readonly find: (notificationId: string) => Promise<Addressed | undefined>;
  readonly recipients: Recipients;
  readonly mails: MailSender;
  readonly texts: SmsSender;
  /** Base URL of links. */
  readonly site: string;
}): (job: MessageJob) => Promise<void> {
  const { find, recipients, mails, texts, site } = deps;

  async function mail(id: string, { userId, recent, ...notice }: Addressed, linkId: string | undefined): Promise<void> {
    const link = linkId === undefined ? undefined : await recipients.link(linkId);
    const address = linkId === undefined ? await recipients.contact(userId) : undefined;
    if (address && !address.isVerified && recent > maxUnverified) return;
    const contact = address ?? link;
    if (!contact) return;
    const rendered = mailOf({ ...notice, site, name: contact.name, link });
    await mails.send({ ...rendered, id, userId, to: contact.email });
  }

  return async ({ notificationId: id, channel, linkId }) => {
    // The account may have been erased meanwhile.
    const notice = await find(id);
    if (!notice) return;
    if (channel === 'email') return mail(id, notice, linkId);
    const to = await recipients.phone(notice.userId);
    if (to !== undefined) await texts.send({ id, to, text: smsOf(notice), kind: notice.kind });
  };
}
