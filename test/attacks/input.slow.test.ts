import Fastify from 'fastify';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDoorServer } from '#kit/door/h2c.ts';
import { timeToEnd } from './wire.ts';

// Times in ms. Node looks at its limits once a second, so each may take that much longer.
const limits = {
  headersTimeout: 1_000,
  requestTimeout: 2_000,
  keepAliveTimeout: 1_500,
  slowReaderTimeout: 1_000,
  maxHeaderSize: 16_384,
};
const slack = 2_500;

let base: string;
const door = Fastify({ serverFactory: (handler) => createDoorServer(handler, limits) as never });
beforeAll(async () => {
  // What a door does with a body: wait for all of it.
  door.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  door.all('/body', async (request) => ({ bytes: (request.body as Buffer | undefined)?.length ?? 0 }));
  door.get('/large', (_, reply) => reply.send(Buffer.alloc(32 << 20)));
  await door.listen({ port: 0, host: '127.0.0.1' });
  base = `http://127.0.0.1:${(door.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  (door.server as unknown as { closeAllConnections(): void }).closeAllConnections();
  await door.close();
});

/** Sends a byte every 100 ms for as long as the connection lasts. */
function drip(socket: Socket, first: string | Buffer, bytes: Buffer): void {
  socket.write(first);
  let at = 0;
  const timer = setInterval(() => {
    if (!socket.destroyed) socket.write(bytes.subarray(at, at + 1));
    at = (at + 1) % bytes.length;
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

const most = 8_000;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame of HTTP/2 (RFC 9113 section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const start = Buffer.alloc(9);
  start.writeUIntBE(payload.length, 0, 3);
  start.writeUInt8(type, 3);
  start.writeUInt8(flags, 4);
  start.writeUInt32BE(stream, 5);
  return Buffer.concat([start, payload]);
}

const settings = frame(4, 0, 0, Buffer.alloc(0));
/** Window size 0: nothing that is answered may be sent. */
const closedWindow = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));

/** Header fields by HPACK, none indexed by us (RFC 7541 section 6.2.2). */
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

describe.concurrent('ends the connection of whoever', () => {
  test.each<[string, number, (socket: Socket) => void]>([
    ['says nothing', limits.headersTimeout, () => undefined],
    ['sends a byte and no more', limits.headersTimeout, (socket) => socket.write('G')],
    ['sends half of what tells HTTP/2 from HTTP/1.1', limits.headersTimeout, (socket) => socket.write('PR')],
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
      'asks once and then stays',
      limits.keepAliveTimeout + 1_000,
      (socket) => socket.write('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'),
    ],
    [
      'asks once and then begins anew, byte by byte',
      limits.keepAliveTimeout + limits.headersTimeout,
      (socket) =>
        drip(
          socket,
          'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /body HTTP/1.1\r\nX: ',
          Buffer.from('x'),
        ),
    ],
  ])('%s, over HTTP/1.1', async (_, limit, feed) => {
    expect(await timeToEnd(base, most, feed)).toBeLessThan(limit + slack);
  });

  test.each<[string, number, (socket: Socket) => void]>([
    ['says no more than the preface', limits.keepAliveTimeout, (socket) => socket.write(preface)],
    [
      'sends the preface byte by byte',
      limits.headersTimeout,
      (socket) => drip(socket, preface.subarray(0, 3), preface.subarray(3)),
    ],
    ['stays after its settings', limits.keepAliveTimeout, (socket) => socket.write(Buffer.concat([preface, settings]))],
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
      'sends headers that are always continued',
      limits.headersTimeout + limits.keepAliveTimeout,
      (socket) => {
        const begun = frame(1, 0, 1, head('GET', '/body'));
        drip(socket, Buffer.concat([preface, settings, begun]), frame(9, 0, 1, fields(['x', 'y'])));
      },
    ],
  ])('%s, over HTTP/2', async (_, limit, feed) => {
    expect(await timeToEnd(base, most, feed)).toBeLessThan(limit + slack);
  });

  test('sends a body byte by byte, over HTTP/2: its stream ends, and then its connection', async () => {
    const data = frame(0, 0, 1, Buffer.from('x'));
    const took = await timeToEnd(base, most, (socket) =>
      drip(socket, Buffer.concat([preface, settings, frame(1, endHeaders, 1, head('POST', '/body'))]), data),
    );
    expect(took).toBeLessThan(limits.requestTimeout + limits.keepAliveTimeout + slack);
  });
});

describe('ends the connection of whoever', () => {
  test.each<[string, string | Buffer]>([
    ['HTTP/1.1', 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/2', Buffer.concat([preface, closedWindow, frame(1, endHeaders | endStream, 1, head('GET', '/large'))])],
  ])('asks for much over %s and reads nothing', async (_, request) => {
    // Asked of the server: a client that does not read does not see its connection end either.
    const connections = () =>
      new Promise<number>((resolve) => door.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections, { timeout: most }).toBe(0);
    const socket = connect(Number(new URL(base).port), '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(request);
    await expect.poll(connections, { timeout: most }).toBe(1);
    await expect.poll(connections, { timeout: limits.requestTimeout + limits.keepAliveTimeout + slack }).toBe(0);
    socket.destroy();
  });
});

test('whoever is merely slow is served', async () => {
  const body = 'x'.repeat(10);
  const took = await timeToEnd(base, most, (socket) => {
    socket.write(`POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
    let at = 0;
    const timer = setInterval(() => (at < body.length ? socket.write(body[at++] ?? '') : clearInterval(timer)), 50);
  });
  expect(took).toBeLessThan(limits.requestTimeout);
});
