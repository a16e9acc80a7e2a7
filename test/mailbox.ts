import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';

/** An SMTP server (RFC 5321) that stores the mail it receives. */
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

/** A mail that the server accepted. */
export interface ReceivedMail {
  readonly to: string;
  /** The headers and the body. */
  readonly raw: string;
  /** The text part. */
  readonly text: string;
}

/** Opens a mailbox on a free port. */
export async function openMailbox(): Promise<Mailbox> {
  const mails: ReceivedMail[] = [];
  const returned = new Set<ReceivedMail>();
  const replies: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)));
    const reply = (line: string) => socket.write(`${line}\r\n`);
    let to = '';
    let data: string[] | undefined;
    reply('220 mailbox');
    createInterface({ input: socket, crlfDelay: Infinity }).on('line', (line) => {
      if (data) {
        if (line !== '.') return void data.push(line.replace(/^\./, ''));
        const raw = data.join('\n');
        data = undefined;
        const answer = replies.shift() ?? '250 kept';
        if (answer.startsWith('250')) mails.push({ to, raw, text: textOf(raw) });
        return reply(answer);
      }
      if (/^RCPT TO:/i.test(line)) to = /<(.*)>/.exec(line)?.[1] ?? '';
      if (/^DATA$/i.test(line)) {
        data = [];
        return reply('354 go on');
      }
      reply(/^QUIT$/i.test(line) ? '221 bye' : '250 mailbox');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The text part of a message (RFC 2045, RFC 2046): 7bit, quoted-printable or base64. */
function textOf(message: string): string {
  const boundary = /^content-type: multipart\/[^;]+;\s+boundary="([^"]+)"/im.exec(message)?.[1];
  if (boundary !== undefined) {
    const parts = message.slice(message.indexOf('\n\n') + 2).split(`--${boundary}`);
    return textOf((parts.find((part) => /^content-type: text\/plain/im.test(part)) ?? '').trimStart());
  }
  const body = message.slice(message.indexOf('\n\n') + 2);
  const encoding = /^content-transfer-encoding: (.+)$/im.exec(message)?.[1]?.toLowerCase();
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
