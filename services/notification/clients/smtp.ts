import type { Log } from '#kit/log/log.ts';
import { PermanentFailure } from '#kit/jobs/jobs.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { MailboxStore } from '../domain/mailbox.ts';
import type { MailSender } from '../domain/messages.ts';

/** Timeouts of the SMTP connection, ms. Together less than the timeout of a job. */
const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** A mail sender that holds connections. */
export interface OpenMailSender extends MailSender {
  close(): void;
}

/**
 * Creates the sender by SMTP. A mail that is sent again has the same Message-ID, by which mail programs hide the second
 * one. A reply of 5yz to the mail is permanent (RFC 5321 section 4.2.1); one to the login is not, because an operator
 * mends it.
 * @param host the right side of Message-IDs
 */
export async function createSmtp(options: {
  readonly url: Secret;
  readonly from: string;
  readonly host: string;
}): Promise<OpenMailSender> {
  const { url, from, host } = options;
  // Imported here: it is a tenth of what a start loads, and few processes send mails.
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ url: url.reveal(), pool: true, maxConnections: 2, ...timeouts });
  return {
    async send({ id, to, subject, text, html }) {
      try {
        await transport.sendMail({ from, to, subject, text, html, messageId: `<${id}@${host}>` });
      } catch (error) {
        const { responseCode = 0, code } = error as { responseCode?: number; code?: string };
        if (responseCode >= 500 && code !== 'EAUTH') {
          throw new PermanentFailure(`the mail server refused the mail with ${responseCode}`);
        }
        // oxlint-disable-next-line preserve-caught-error -- the server's text may contain the address
        throw new Error(`the mail server did not take the mail (${responseCode || (code ?? 'no reply')})`);
      }
    },
    close: () => transport.close(),
  };
}

/** Creates the sender that keeps mails in the development mailbox. */
export function createMailKeeper(store: MailboxStore): OpenMailSender {
  return {
    send: ({ to: recipient, ...mail }) => store.insert({ ...mail, recipient }),
    close: () => undefined,
  };
}

/** Creates the sender of a production service without a mail server: it drops mails. */
export function createMailDropper(log: Log): OpenMailSender {
  log.warn('SMTP_URL is not set: mails to users are not sent');
  return {
    async send({ id }) {
      log.warn({ notification: id }, 'mail not sent: SMTP_URL is not set');
    },
    close: () => undefined,
  };
}
