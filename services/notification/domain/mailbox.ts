import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { failure } from '../reasons.ts';

/** A mail of the development mailbox. */
export interface KeptMail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly createdAt: Date;
}

/** Persistence port for the development mailbox. */
export interface MailboxStore {
  /** Inserts a mail, or replaces that of the same id, and deletes the oldest ones past 1,000. Nothing for an erased account. */
  insert(mail: Omit<KeptMail, 'createdAt'> & { readonly userId: string }): Promise<void>;
  page(recipient: string | undefined, query: PageQuery): Promise<KeptMail[]>;
}

/** The development mailbox. */
export interface Mailbox {
  /** @throws NOT_FOUND if mails are sent by SMTP, and in production */
  list(to: string | undefined, page: PageRequest): Promise<Page<KeptMail>>;
}

/** Creates the development mailbox. @param store undefined if there is none */
export function createMailbox(store: MailboxStore | undefined): Mailbox {
  return {
    async list(to, page) {
      if (!store) throw failure('NOT_FOUND');
      const recipient = to?.trim().toLowerCase();
      return readPage(
        page,
        ['mails', recipient ?? null],
        (query) => store.page(recipient, query),
        ({ createdAt, id }) => [createdAt.toISOString(), id],
      );
    },
  };
}
