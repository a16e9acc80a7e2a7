import Fastify from 'fastify';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDoorServer } from '#kit/door/h2c.ts';
import { timeToEnd } from './wire.ts';

// Times in ms. Node checks its limits once a second, so each may take a second longer.
const limits = {
  headersTimeout: 1_000,
  requestTimeout: 2_000,
  keepAliveTimeout: 1_500,
  slowReaderTimeout: 1_000,
  maxHeaderSize: 16_384,
};
const slack = 2_500;

let base: string;
const server = Fastify({ serverFactory: (handler) => createDoorServer(handler, limits) as never });
beforeAll(async () => {
  // Like a public port, wait for the whole body.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  server.all('/body', async (request) => ({ bytes: (request.body as Buffer | undefined)?.length ?? 0 }));
  server.get('/large', (_, reply) => reply.send(Buffer.alloc(32 << 20)));
  await server.listen({ port: 0, host: '127.0.0.1' });
  base = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  (server.server as unknown as { closeAllConnections(): void }).closeAllConnections();
  await server.close();
});

/** Sends a byte every 100 ms until the connection closes. */
function drip(socket: Socket, first: string | Buffer, bytes: Buffer): void {
  socket.write(first);
  let at = 0;
  const timer = setInterval(() => {
    if (!socket.destroyed) socket.write(bytes.subarray(at, at + 1));
    at = (at + 1) % bytes.length;
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

const longest = 8_000;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** An HTTP/2 frame (RFC 9113 section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const start = Buffer.alloc(9);
  start.writeUIntBE(payload.length, 0, 3);
  start.writeUInt8(type, 3);
  start.writeUInt8(flags, 4);
  start.writeUInt32BE(stream, 5);
  return Buffer.concat([start, payload]);
}

const settings = frame(4, 0, 0, Buffer.alloc(0));
/** Window size 0: the server cannot send response data. */
const closedWindow = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));

/** HPACK header fields without indexing (RFC 7541 section 6.2.2). */
function fields(...pairs: [string, string][]): Buffer {
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]),
  );
}

function head(method: string, path: string): Buffer {
  return fields([':method', method], [':scheme', 'http'], [':path', path], [':authority', 'a']);
}

const endStream = 1;
const endHeaders = 4;

describe.concurrent('ends the connection of a client that', () => {
  test.each<[string, number, (socket: Socket) => void]>([
    ['sends nothing', limits.headersTimeout, () => undefined],
    ['sends a single byte', limits.headersTimeout, (socket) => socket.write('G')],
    ['sends a partial HTTP/2 preface', limits.headersTimeout, (socket) => socket.write('PR')],
    [
      'sends headers that never end',
      limits.headersTimeout,
      (socket) => socket.write('GET /body HTTP/1.1\r\nHost: a\r\n'),
    ],
    [
      'sends headers byte by byte',
      limits.headersTimeout,
      (socket) => drip(socket, 'GET /body HTTP/1.1\r\nHost: a\r\nX-A: ', Buffer.from('x')),
    ],
    [
      'sends a body byte by byte',
      limits.requestTimeout,
      (socket) => drip(socket, 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n', Buffer.from('x')),
    ],
    [
      'sends chunks one by one',
      limits.requestTimeout,
      (socket) =>
        drip(socket, 'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', Buffer.from('1\r\nx\r\n')),
    ],
    [
      'sends one request and then stays idle',
      limits.keepAliveTimeout + 1_000,
      (socket) => socket.write('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'),
    ],
    [
      'sends one request and a second one byte by byte',
      limits.keepAliveTimeout + limits.headersTimeout,
      (socket) =>
        drip(
          socket,
          'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /body HTTP/1.1\r\nX: ',
          Buffer.from('x'),
        ),
    ],
  ])('%s, over HTTP/1.1', async (_, limit, feed) => {
    expect(await timeToEnd(base, longest, feed)).toBeLessThan(limit + slack);
  });

  test.each<[string, number, (socket: Socket) => void]>([
    ['sends only the preface', limits.keepAliveTimeout, (socket) => socket.write(preface)],
    [
      'sends the preface byte by byte',
      limits.headersTimeout,
      (socket) => drip(socket, preface.subarray(0, 3), preface.subarray(3)),
    ],
    [
      'stays idle after its settings',
      limits.keepAliveTimeout,
      (socket) => socket.write(Buffer.concat([preface, settings])),
    ],
    [
      'sends headers byte by byte',
      limits.headersTimeout + limits.keepAliveTimeout,
      (socket) => {
        const long = frame(
          1,
          endHeaders | endStream,
          1,
          Buffer.concat([head('GET', '/body'), Buffer.alloc(8_000, 0x82)]),
        );
        drip(socket, Buffer.concat([preface, settings, long.subarray(0, 20)]), long.subarray(20));
      },
    ],
    [
      'sends endless CONTINUATION frames',
      limits.headersTimeout + limits.keepAliveTimeout,
      (socket) => {
        const begun = frame(1, 0, 1, head('GET', '/body'));
        drip(socket, Buffer.concat([preface, settings, begun]), frame(9, 0, 1, fields(['x', 'y'])));
      },
    ],
  ])('%s, over HTTP/2', async (_, limit, feed) => {
    expect(await timeToEnd(base, longest, feed)).toBeLessThan(limit + slack);
  });

  test('sends a body byte by byte, over HTTP/2: the stream ends first, then the connection', async () => {
    const data = frame(0, 0, 1, Buffer.from('x'));
    const took = await timeToEnd(base, longest, (socket) =>
      drip(socket, Buffer.concat([preface, settings, frame(1, endHeaders, 1, head('POST', '/body'))]), data),
    );
    expect(took).toBeLessThan(limits.requestTimeout + limits.keepAliveTimeout + slack);
  });
});

describe('ends the connection of a client that', () => {
  test.each<[string, string | Buffer]>([
    ['HTTP/1.1', 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/2', Buffer.concat([preface, closedWindow, frame(1, endHeaders | endStream, 1, head('GET', '/large'))])],
  ])('requests a large response over %s and reads nothing', async (_, request) => {
    // Reads the count at the server, because a client that does not read does not see the close.
    const connections = () =>
      new Promise<number>((resolve) => server.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections, { timeout: longest }).toBe(0);
    const socket = connect(Number(new URL(base).port), '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(request);
    await expect.poll(connections, { timeout: longest }).toBe(1);
    await expect.poll(connections, { timeout: limits.requestTimeout + limits.keepAliveTimeout + slack }).toBe(0);
    socket.destroy();
  });
});

test('serves a slow but valid client', async () => {
  const body = 'x'.repeat(10);
  const took = await timeToEnd(base, longest, (socket) => {
    socket.write(`POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
    let at = 0;
    const timer = setInterval(() => (at < body.length ? socket.write(body[at++] ?? '') : clearInterval(timer)), 50);
  });
  expect(took).toBeLessThan(limits.requestTimeout);
});
