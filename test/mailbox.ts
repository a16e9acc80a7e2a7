import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';

/** An SMTP server (RFC 5321) that stores the mail it receives. */
export interface Mailbox {
  /** For SMTP_URL. */
  readonly url: string;
  /** Waits for a mail to an address and returns the text of the latest. */
  lastTo(email: string): Promise<string>;
  close(): void;
}

/** Opens a mailbox on a free port. */
export async function openMailbox(): Promise<Mailbox> {
  const mails: { readonly to: string; readonly text: string }[] = [];
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
        mails.push({ to, text: textOf(data.join('\n')) });
        data = undefined;
        return reply('250 kept');
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
    async lastTo(email) {
      const last = () => mails.findLast((mail) => mail.to === email)?.text;
      await expect.poll(last).toBeDefined();
      return last() ?? '';
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Decodes the body of a message: plain or quoted-printable (RFC 2045 section 6.7). */
function textOf(message: string): string {
  const body = message.slice(message.indexOf('\n\n') + 2);
  if (!/^content-transfer-encoding: quoted-printable$/im.test(message)) return body;
  return body
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
