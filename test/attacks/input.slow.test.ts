import Fastify, { type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCertificate } from '#kit/door/certificate.ts';
import { createDoorServer } from '#kit/door/server.ts';
import { type DoorTls, handshakeRecord } from '#kit/door/tls.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { createAuthority, openssl } from '#kit/testing/authority.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { portOf, timeToEnd } from './wire.ts';

// Times in ms. Node checks its limits once a second, so each may take a second longer.
const limits = {
  headersTimeout: 1_000,
  requestTimeout: 2_000,
  keepAliveTimeout: 1_500,
  slowReaderTimeout: 1_000,
  maxHeaderSize: 16_384,
};
const slack = 2_500;

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

type Protocol = 'http/1.1' | 'h2';

/** How clients connect to a server. */
interface Way {
  readonly tls: DoorTls | undefined;
  readonly open: (port: number, protocol: Protocol, usable: () => void) => Socket;
}

/** The rules of slow clients, whichever way they connect. */
function slowClients(prepare: () => Way): void {
  let base: string;
  let server: FastifyInstance;
  let way: Way;
  beforeAll(async () => {
    way = prepare();
    server = Fastify({ serverFactory: (handler) => createDoorServer(handler, { limits, tls: way.tls }) as never });
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

  /** Milliseconds until the server closes a connection of one of the protocols. */
  function time(protocol: Protocol, feed: (socket: Socket) => unknown): Promise<number> {
    return timeToEnd(base, longest, feed, (usable) => way.open(portOf(base), protocol, usable));
  }

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
          drip(
            socket,
            'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
            Buffer.from('1\r\nx\r\n'),
          ),
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
      expect(await time('http/1.1', feed)).toBeLessThan(limit + slack);
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
      expect(await time('h2', feed)).toBeLessThan(limit + slack);
    });

    test('sends a body byte by byte, over HTTP/2: the stream ends first, then the connection', async () => {
      const data = frame(0, 0, 1, Buffer.from('x'));
      const took = await time('h2', (socket) =>
        drip(socket, Buffer.concat([preface, settings, frame(1, endHeaders, 1, head('POST', '/body'))]), data),
      );
      expect(took).toBeLessThan(limits.requestTimeout + limits.keepAliveTimeout + slack);
    });
  });

  describe('ends the connection of a client that', () => {
    test.each<[Protocol, string | Buffer]>([
      ['http/1.1', 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['h2', Buffer.concat([preface, closedWindow, frame(1, endHeaders | endStream, 1, head('GET', '/large'))])],
    ])('requests a large response over %s and reads nothing', async (protocol, request) => {
      // Reads the count at the server, because a client that does not read does not see the close.
      const connections = () =>
        new Promise<number>((resolve) => server.server.getConnections((_error, count) => resolve(count)));
      await expect.poll(connections, { timeout: longest }).toBe(0);
      const socket = way.open(portOf(base), protocol, () => socket.pause().write(request));
      socket.on('error', () => undefined);
      await expect.poll(connections, { timeout: longest }).toBe(1);
      await expect.poll(connections, { timeout: limits.requestTimeout + limits.keepAliveTimeout + slack }).toBe(0);
      socket.destroy();
    });
  });

  test('serves a slow but valid client', async () => {
    const body = 'x'.repeat(10);
    const took = await time('http/1.1', (socket) => {
      socket.write(`POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
      let at = 0;
      const timer = setInterval(() => (at < body.length ? socket.write(body[at++] ?? '') : clearInterval(timer)), 50);
    });
    expect(took).toBeLessThan(limits.requestTimeout);
  });
}

describe('without TLS,', () => {
  slowClients(() => ({ tls: undefined, open: (port, _, usable) => connect(port, '127.0.0.1', usable) }));
});

describeWith([openssl], 'with TLS,', () => {
  const closers: (() => unknown)[] = [];
  afterAll(async () => {
    for (const close of closers) await close();
  });

  /** Connects to the server, whose certificate is made for it. */
  function prepare(): Way {
    const authority = createAuthority();
    const { cert: tlsCert, key: tlsKey } = authority.issue('DNS:localhost');
    const certificate = openCertificate(
      { tlsCert, tlsKey, environment: 'development' },
      { log: silentLog, metrics: noMetrics, closing: { add: (close) => closers.push(close) } },
    );
    closers.push(() => authority.remove());
    const trusting = { host: '127.0.0.1', ca: authority.pem, servername: 'localhost' };
    return {
      tls: certificate && { certificate, log: silentLog },
      open: (port, protocol, usable) => connectTls({ ...trusting, port, ALPNProtocols: [protocol] }, usable),
    };
  }
  slowClients(prepare);

  describe.concurrent('ends the connection of a client that', () => {
    const hello = Buffer.from([handshakeRecord, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
    let port: number;
    const server = () => createDoorServer(() => undefined, { limits, tls: prepare().tls });
    beforeAll(async () => {
      const listening = server().listen(0, '127.0.0.1');
      await once(listening, 'listening');
      closers.push(() => listening.close());
      ({ port } = listening.address() as AddressInfo);
    });

    /** Milliseconds until the server closes a connection without a handshake. */
    function timeWithout(feed: (socket: Socket) => void, allowHalfOpen = false): Promise<number> {
      const open = (usable: () => void) => connect({ port, host: '127.0.0.1', allowHalfOpen }, usable);
      return timeToEnd(`http://127.0.0.1:${port}`, longest, feed, open);
    }

    test.each<[string, (socket: Socket) => void]>([
      ['begins no handshake', () => undefined],
      ['begins a handshake and stops', (socket) => socket.write(hello)],
      ['continues a handshake byte by byte', (socket) => drip(socket, hello, Buffer.alloc(1))],
    ])('%s', async (_, feed) => {
      expect(await timeWithout(feed)).toBeLessThan(limits.headersTimeout + slack);
    });

    test('speaks plain HTTP, and keeps sending after the answer has ended', async () => {
      const took = await timeWithout((socket) => drip(socket, 'GET / HTTP/1.1\r\n', Buffer.from('x')), true);
      expect(took).toBeLessThan(limits.headersTimeout + slack);
    });
  });
});
