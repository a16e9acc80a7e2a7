import { connect as connectTcp, type Socket } from 'node:net';

/** A response over HTTP/1.1 and all data of the connection. */
export interface RawAnswer {
  /** 0 without a response. */
  readonly status: number;
  /** All received data: heads and bodies. */
  readonly text: string;
  /** The status of every response on the connection. */
  readonly statuses: readonly number[];
}

/** The port of a base URL on 127.0.0.1. */
export function portOf(base: string): number {
  return Number(new URL(base).port);
}

/**
 * Writes bytes to a connection unchanged and reads until the server closes it. The request should ask for the close
 * (`connection: close`) or be refused.
 */
export function sendRaw(base: string, bytes: string | Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(portOf(base), '127.0.0.1');
    let text = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no end after 10 s; so far: ${text.slice(0, 200)}`)));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', (error: Error & { code?: string }) => {
      // The server closed the connection during the write. Its response has arrived or is lost.
      if (!/^(EPIPE|ECONNRESET)$/.test(error.code ?? '')) reject(error);
    });
    socket.on('close', () => {
      const statuses = [...text.matchAll(/(?:^|\r\n|\})HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      resolve({ status: statuses[0] ?? 0, text, statuses });
    });
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

/** A request as text. A body gets a Content-Length unless the headers declare its length. */
export function requestText(
  method: string,
  target: string,
  {
    headers = [],
    body = '',
    host = 'localhost',
  }: { headers?: readonly string[]; body?: string; host?: string | null } = {},
): string {
  const sized = headers.some((line) => /^(?:content-length|transfer-encoding)/i.test(line));
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(host === null ? [] : [`Host: ${host}`]),
    ...headers,
    ...(body === '' || sized ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]),
    'Connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/**
 * Opens a connection. Resolves with the milliseconds until the server closes it, at most `longest`.
 * @param open connects, and calls back when the connection is usable
 */
export function timeToEnd(
  base: string,
  longest: number,
  feed: (socket: Socket) => unknown,
  open: (usable: () => void) => Socket = (usable) => connectTcp(portOf(base), '127.0.0.1', usable),
): Promise<number> {
  return new Promise((resolve) => {
    const socket = open(() => {
      const began = performance.now();
      const timer = setTimeout(() => socket.destroy(), longest);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(performance.now() - began);
      });
      socket.resume();
      feed(socket);
    });
    socket.on('error', () => undefined);
  });
}
