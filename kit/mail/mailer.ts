import { createTransport } from 'nodemailer';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** An email. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends emails. */
export interface Mailer {
  /** Resolves once the SMTP server has accepted the mail, or it is written to a file. @throws Error if that fails */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** Options of a mailer. */
export interface MailerOptions {
  /** smtp://user:password@host:port, or smtps:. Unset: mails are written to `folder`. */
  readonly smtpUrl: Secret | undefined;
  /** From header. */
  readonly from: string;
  /** Folder of mails without an SMTP server. If unset too, mails are dropped with a warning. */
  readonly folder: string | undefined;
  readonly log: Log;
}

/** Maximum number of mails in the folder. */
const maxKept = 100;
/** Timeouts of the SMTP connection, ms. */
const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** Creates a mailer that uses SMTP or, without a server, writes mails to files. */
export function createMailer({ smtpUrl, from, folder, log }: MailerOptions): Mailer {
  if (smtpUrl) {
    const transport = createTransport({ url: smtpUrl.reveal(), pool: true, maxConnections: 2, ...timeouts });
    return {
      async send(mail) {
        await transport.sendMail({ from, ...mail });
      },
      close: () => transport.close(),
    };
  }
  if (folder === undefined) {
    log.warn('SMTP_URL is not set: mails to users are not sent');
    return {
      async send({ subject }) {
        log.warn({ subject }, 'mail not sent: SMTP_URL is not set');
      },
      close: () => undefined,
    };
  }
  const writer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  return {
    async send(mail) {
      const { message } = await writer.sendMail({ from, ...mail });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(path.join(folder, `${uuidv7()}.eml`), message as Buffer, { mode: 0o600, flag: 'wx' });
      const kept = (await readdir(folder)).filter((name) => name.endsWith('.eml')).toSorted();
      for (const name of kept.slice(0, -maxKept)) await rm(path.join(folder, name), { force: true });
    },
    close: () => undefined,
  };
}
