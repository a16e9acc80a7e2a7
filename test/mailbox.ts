import { expect } from 'vitest';
import { openSmtp, type ReceivedMail } from './smtp.ts';

/** An SMTP server that stores the mail it receives. */
export interface Mailbox {
  /** For SMTP_URL. */
  readonly url: string;
  /** Waits for a mail with a link to an address, one that no earlier call has returned, and returns its text. */
  linkTo(email: string): Promise<string>;
  /** Every mail so far, as it was sent. */
  readonly mails: readonly ReceivedMail[];
  /** How to reply to the next mails, in turn; then each is accepted. */
  readonly replies: string[];
  close(): void;
}

/** Opens a mailbox on a free port. */
export async function openMailbox(): Promise<Mailbox> {
  const mails: ReceivedMail[] = [];
  const returned = new Set<ReceivedMail>();
  const replies: string[] = [];
  const { port, close } = await openSmtp((mail) => {
    const reply = replies.shift() ?? '250 kept';
    if (reply.startsWith('250')) mails.push(mail);
    return reply;
  });
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    replies,
    async linkTo(email) {
      const find = () =>
        mails.find((mail) => mail.to === email && !returned.has(mail) && mail.text.includes('#token='));
      await expect.poll(find, { interval: 20 }).toBeDefined();
      const found = find()!;
      returned.add(found);
      return found.text;
    },
    close,
  };
}
