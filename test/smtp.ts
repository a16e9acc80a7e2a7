import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A mail that the server accepted. */
export interface ReceivedMail {
  readonly to: string;
  /** The headers and the body. */
  readonly raw: string;
  /** The text part. */
  readonly text: string;
}

/**
 * Opens an SMTP server (RFC 5321) without TLS and sign-in.
 * @param accept receives each mail and returns the reply, such as `250 kept`; the sender tries again after 4yz
 */
export async function openSmtp(
  accept: (mail: ReceivedMail) => string,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)));
    const reply = (line: string) => socket.write(`${line}\r\n`);
    let to = '';
    let data: string[] | undefined;
    reply('220 mailbox');
    const lines = createInterface({ input: socket, crlfDelay: Infinity });
    // A client that resets its connection.
    lines.on('error', () => socket.destroy());
    lines.on('line', (line) => {
      if (data) {
        if (line !== '.') return void data.push(line.replace(/^\./, ''));
        const raw = data.join('\n');
        data = undefined;
        return reply(accept({ to, raw, text: textOf(raw) }));
      }
      if (/^RCPT TO:/i.test(line)) to = /<(.*)>/.exec(line)?.[1] ?? '';
      if (/^DATA$/i.test(line)) {
        data = [];
        return reply('354 go on');
      }
      reply(/^QUIT$/i.test(line) ? '221 bye' : '250 mailbox');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
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
