import { createTransport } from 'nodemailer';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** A message to somebody. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends messages. */
export interface Mailer {
  /** Resolves once a server has taken the message, or it is kept. @throws where neither worked */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** How messages go out. */
export interface MailerOptions {
  /** smtp://user:password@host:port, or smtps:. Unset: messages are kept in `folder`. */
  readonly smtpUrl: Secret | undefined;
  /** What stands in From. */
  readonly from: string;
  /** Where messages are kept that cannot be sent; without it, too, they are lost, and the log says so. */
  readonly folder: string | undefined;
  readonly log: Log;
}

/** So many messages are kept. */
const keptMost = 100;
/** Longest waits for an SMTP server, ms. */
const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** Makes a mailer: over SMTP, or, without a server, into files that a person can read. */
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
    log.warn('no SMTP_URL is set: mails to users are not sent');
    return {
      async send({ subject }) {
        log.warn({ subject }, 'a mail was not sent: no SMTP_URL is set');
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
      for (const name of kept.slice(0, -keptMost)) await rm(path.join(folder, name), { force: true });
    },
    close: () => undefined,
  };
}
