import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { once } from 'node:events';
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/proto/google/rpc/status_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type Channel, openChannel, type UnaryCall } from './channel.ts';
import { framed } from './reply.ts';
import type { Address, OpenSession } from './session.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface TestServer {
  readonly address: Address;
  readonly server: Http2Server;
  readonly sessions: Set<ServerHttp2Session>;
  /** Number of requests. */
  seen: number;
  stop(): Promise<void>;
}

/** Starts an HTTP/2 server that answers every stream by a function. */
async function serve(answer: (stream: ServerHttp2Stream, path: string) => void, port = 0): Promise<TestServer> {
  const server = createServer({ maxSessionMemory: 1_000 });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  const running: TestServer = {
    address: { host: '127.0.0.1', port: 0 },
    server,
    sessions,
    seen: 0,
    async stop() {
      if (!server.listening) return;
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('stream', (stream, headers) => {
    running.seen += 1;
    stream.on('error', () => undefined);
    answer(stream, String(headers[':path']));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  Object.assign(running.address, { port: (server.address() as AddressInfo).port });
  closing.push(() => running.stop());
  return running;
}

const head = { ':status': 200, 'content-type': 'application/grpc+proto' };

/** Answers with messages and a status. */
function reply(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string> = { 'grpc-status': '0' }) {
  stream.respond({ ...head, 'x-first': 'header' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}
const echo = (stream: ServerHttp2Stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.once('end', () => reply(stream, Buffer.concat(chunks)));
};
const refuse = (stream: ServerHttp2Stream, fields: Record<string, string>) =>
  stream.respond({ ...head, ...fields }, { endStream: true });

const call = (changes: Partial<UnaryCall> = {}): UnaryCall => ({
  path: '/test.Test/Call',
  isIdempotent: false,
  header: new Headers(),
  message: Buffer.from('hi'),
  timeoutMs: 10_000,
  signal: undefined,
  ...changes,
});

const errorOf = (work: Promise<unknown>): Promise<ConnectError> =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => ConnectError.from(error),
  );

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

/** What every channel does, whatever carries its frames. */
export function channelSuite(openSession: OpenSession): void {
  function open(addresses: readonly Address[] | (() => Promise<readonly Address[]>), limits = {}): Channel {
    const resolve = typeof addresses === 'function' ? addresses : async () => addresses;
    const channel = openChannel({ authority: 'test:1', resolve }, openSession, limits);
    closing.push(() => channel.close());
    return channel;
  }

  test('a call returns message, headers and trailers', async () => {
    const server = await serve((stream) =>
      reply(stream, framed(Buffer.from('yes')), { 'grpc-status': '0', 'x-last': 'trailer' }),
    );
    const answer = await open([server.address]).unary(call());
    expect(Buffer.from(answer.message).toString()).toBe('yes');
    expect(answer.header.get('x-first')).toBe('header');
    expect([...answer.trailer]).toEqual([['x-last', 'trailer']]);
  });

  test('sends path, timeout and headers, and no header that only the channel sets or gRPC cannot carry', async () => {
    const seen = Promise.withResolvers<Record<string, unknown>>();
    const server = await serve(() => undefined);
    server.server.on('stream', (stream, headers) => {
      seen.resolve({ ...headers });
      reply(stream, framed(Buffer.of()));
    });
    const header = new Headers({
      authorization: 'Bearer x',
      te: 'gzip',
      'grpc-timeout': '1S',
      'user-agent': 'x',
      'x-name': 'é',
    });
    await open([server.address]).unary(call({ header, timeoutMs: 5_000 }));
    const { 'grpc-timeout': timeout, ...headers } = await seen.promise;
    expect(headers).toMatchObject({
      ':path': '/test.Test/Call',
      ':authority': 'test:1',
      authorization: 'Bearer x',
      te: 'trailers',
      'user-agent': 'signet',
    });
    expect(headers).not.toHaveProperty('x-name');
    expect(Number.parseInt(String(timeout), 10)).toBeGreaterThan(1_000);
    expect(Number.parseInt(String(timeout), 10)).toBeLessThanOrEqual(5_000);
  });

  describe('errors', () => {
    const info = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'NOT_FOUND', domain: 'signet' }));
    const details = Buffer.from(
      toBinary(StatusSchema, create(StatusSchema, { code: 5, message: 'none', details: [info] })),
    );

    test('a status has its code, message, details and headers, without a message and with one', async () => {
      const fields = {
        'grpc-status': '5',
        'grpc-message': 'none',
        'grpc-status-details-bin': details.toString('base64'),
        'retry-after': '7',
      };
      const server = await serve((stream, path) =>
        path.endsWith('A') ? refuse(stream, fields) : reply(stream, Buffer.of(), fields),
      );
      const channel = open([server.address]);
      for (const path of ['/t/A', '/t/B']) {
        const error = await errorOf(channel.unary(call({ path })));
        expect([error.code, error.rawMessage, reasonOf(error)]).toEqual([Code.NotFound, 'none', 'NOT_FOUND']);
        expect(error.metadata.get('retry-after')).toBe('7');
        expect([...error.metadata.keys()]).not.toContain('grpc-status');
      }
    });

    test.each<[string, Record<string, string>, Code]>([
      ['a message that is not percent-encoded', { 'grpc-status': '5', 'grpc-message': '100%' }, Code.NotFound],
      ['details that are no status', { 'grpc-status': '5', 'grpc-status-details-bin': 'AAAA' }, Code.NotFound],
      ['an unknown status', { 'grpc-status': '99' }, Code.Unknown],
      ['a status that is no number', { 'grpc-status': 'x' }, Code.Unknown],
      ['no status', {}, Code.Unknown],
      ['an empty status', { 'grpc-status': '' }, Code.Unknown],
      ['a status with details of success', { 'grpc-status': '13', 'grpc-status-details-bin': '' }, Code.Internal],
    ])('%s', async (_, fields, code) => {
      const server = await serve((stream, path) =>
        path.endsWith('A') ? refuse(stream, fields) : reply(stream, Buffer.of(), { ...fields, 'x-y': 'z' }),
      );
      const channel = open([server.address]);
      for (const path of ['/t/A', '/t/B']) expect((await errorOf(channel.unary(call({ path })))).code).toBe(code);
    });

    test.each([
      [401, Code.Unauthenticated],
      [404, Code.Unimplemented],
      [502, Code.Unavailable],
      [500, Code.Unknown],
    ])('the response of a proxy with HTTP status %d', async (status, code) => {
      const server = await serve((stream) => {
        stream.respond({ ':status': status, 'content-type': 'text/html' });
        stream.end('<html>');
      });
      expect((await errorOf(open([server.address]).unary(call()))).code).toBe(code);
    });

    test('a response of another type', async () => {
      const server = await serve((stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/json' });
        stream.end('{}');
      });
      expect((await errorOf(open([server.address]).unary(call()))).code).toBe(Code.Unknown);
    });

    test.each<[string, Uint8Array]>([
      ['no message', Buffer.of()],
      ['a part of a message', framed(Buffer.from('hello')).subarray(0, 7)],
      ['two messages', Buffer.concat([framed(Buffer.from('a')), framed(Buffer.from('b'))])],
      ['a compressed message', Buffer.of(1, 0, 0, 0, 1, 65)],
    ])('%s', async (_, body) => {
      const server = await serve((stream) => reply(stream, body));
      expect((await errorOf(open([server.address]).unary(call()))).code).toBe(Code.Internal);
    });

    test.each([
      [constants.NGHTTP2_CANCEL, Code.Canceled],
      [constants.NGHTTP2_ENHANCE_YOUR_CALM, Code.ResourceExhausted],
      [constants.NGHTTP2_INTERNAL_ERROR, Code.Internal],
    ])('a stream that the server resets with code %d', async (reset, code) => {
      const server = await serve((stream) => stream.close(reset));
      expect((await errorOf(open([server.address]).unary(call()))).code).toBe(code);
      expect(server.seen).toBe(1);
    });
  });

  test('a response may have the limit, and not one byte more', async () => {
    const server = await serve((stream, path) => reply(stream, framed(Buffer.alloc(Number(path.slice(1))))));
    const channel = open([server.address], { maxResponse: 3_000_000 });
    expect((await channel.unary(call({ path: '/3000000' }))).message).toHaveLength(3_000_000);
    expect((await errorOf(channel.unary(call({ path: '/3000001' })))).code).toBe(Code.ResourceExhausted);
    const many = Array.from({ length: 50 }, () => channel.unary(call({ path: '/1000000' })));
    for (const { message } of await Promise.all(many)) expect(message).toHaveLength(1_000_000);
  });

  describe('the end of a call', () => {
    test('by its deadline resets the stream', async () => {
      const reset = Promise.withResolvers<number>();
      const server = await serve((stream, path) =>
        path === '/first' ? echo(stream) : stream.once('close', () => reset.resolve(stream.rstCode)),
      );
      const channel = open([server.address]);
      await channel.unary(call({ path: '/first' }));
      // Sent within the time also by a loaded machine.
      expect((await errorOf(channel.unary(call({ timeoutMs: 1_000 })))).code).toBe(Code.DeadlineExceeded);
      expect(await reset.promise).toBe(constants.NGHTTP2_CANCEL);
    });

    test('by its deadline does not wait for a server that reads nothing more', async () => {
      // The server's settings, and then nothing.
      const frozen = createTcp((socket) => {
        socket.on('error', () => undefined);
        socket.write(Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
        socket.pause();
      });
      frozen.listen(0, '127.0.0.1');
      await once(frozen, 'listening');
      closing.push(() => void frozen.close());
      const channel = open([{ host: '127.0.0.1', port: (frozen.address() as AddressInfo).port }]);
      const header = new Headers({ 'x-long': 'x'.repeat(8_000) });
      const began = performance.now();
      const calls = Array.from({ length: 500 }, () => errorOf(channel.unary(call({ header, timeoutMs: 500 }))));
      for (const { code } of await Promise.all(calls)) expect(code).toBe(Code.DeadlineExceeded);
      // Far less than the keepalive's 25 s, which would end them otherwise.
      expect(performance.now() - began).toBeLessThan(15_000);
    });

    test('by its signal resets the stream, and has the reason of the signal', async () => {
      const begun = Promise.withResolvers<ServerHttp2Stream>();
      const server = await serve((stream) => begun.resolve(stream));
      const leaving = new AbortController();
      const ended = errorOf(open([server.address]).unary(call({ signal: leaving.signal })));
      const stream = await begun.promise;
      const closed = once(stream, 'close');
      leaving.abort(new ConnectError('enough', Code.Aborted));
      expect(await ended).toMatchObject({ code: Code.Aborted, rawMessage: 'enough' });
      await closed;
    });

    test('that is over before it begins sends nothing', async () => {
      const server = await serve(echo);
      const channel = open([server.address]);
      expect((await errorOf(channel.unary(call({ signal: AbortSignal.abort() })))).code).toBe(Code.Canceled);
      expect((await errorOf(channel.unary(call({ timeoutMs: 0 })))).code).toBe(Code.DeadlineExceeded);
      await channel.unary(call());
      expect(server.seen).toBe(1);
    });

    test('leaves no timer', async () => {
      const server = await serve(echo);
      const channel = open([server.address]);
      await channel.unary(call());
      const before = timers();
      for (let n = 0; n < 50; n += 1) await channel.unary(call({ timeoutMs: 60_000 }));
      expect(timers()).toBeLessThanOrEqual(before);
    });
  });

  describe('connections', () => {
    test('calls go to all addresses in turn', async () => {
      const servers = await Promise.all([serve(echo), serve(echo), serve(echo)]);
      const channel = open(servers.map(({ address }) => address));
      await expect
        .poll(async () => {
          await channel.unary(call());
          return servers.every(({ seen }) => seen > 0);
        })
        .toBe(true);
      for (const server of servers) server.seen = 0;
      for (let n = 0; n < 30; n += 1) await channel.unary(call());
      expect(servers.map(({ seen }) => seen)).toEqual([10, 10, 10]);
    });

    test('an address that does not respond keeps no call from the others', async () => {
      const away = await serve(echo);
      const server = await serve(echo);
      const channel = open([away.address, server.address]);
      await away.stop();
      for (let n = 0; n < 20; n += 1) await channel.unary(call());
      expect(server.seen).toBe(20);
    });

    test('a new address gets calls, and one that has left gets no more', async () => {
      const [first, second] = [await serve(echo), await serve(echo)];
      let addresses = [first.address];
      const channel = open(async () => addresses);
      await channel.unary(call());
      addresses = [second.address];
      await expect
        .poll(
          async () => {
            await channel.unary(call());
            return second.seen;
          },
          { timeout: 20_000 },
        )
        .toBeGreaterThan(0);
      const before = first.seen;
      for (let n = 0; n < 10; n += 1) await channel.unary(call());
      expect(first.seen).toBe(before);
    });

    test('a call waits for a server that starts within a second, because nothing was sent', async () => {
      const first = await serve(echo);
      const channel = open([first.address]);
      await channel.unary(call());
      await first.stop();
      const pending = channel.unary(call());
      const second = await serve(echo, first.address.port);
      await pending;
      expect(second.seen).toBe(1);
    });

    test('without a server, a call is UNAVAILABLE; without an address, too', async () => {
      const server = await serve(echo);
      await server.stop();
      const channel = open([server.address]);
      expect((await errorOf(channel.unary(call()))).code).toBe(Code.Unavailable);
      const unknown = open(() => Promise.reject(new Error('ENOTFOUND')));
      expect((await errorOf(unknown.unary(call()))).code).toBe(Code.Unavailable);
    });

    test('a server that accepts connections and says nothing is UNAVAILABLE by the deadline of the call', async () => {
      const silent = createTcp(() => undefined);
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      closing.push(() => void silent.close());
      const channel = open([{ host: '127.0.0.1', port: (silent.address() as AddressInfo).port }]);
      expect((await errorOf(channel.unary(call({ timeoutMs: 200 })))).code).toBe(Code.DeadlineExceeded);
    });

    test('no call fails when servers send GOAWAY', async () => {
      const server = await serve(echo);
      const channel = open([server.address]);
      const over = new AbortController();
      const chains = Array.from({ length: 8 }, async () => {
        while (!over.signal.aborted) await channel.unary(call());
      });
      for (let n = 0; n < 10; n += 1) {
        const before = server.seen;
        await expect.poll(() => server.seen, { interval: 1 }).toBeGreaterThan(before + 20);
        for (const session of server.sessions) session.close();
      }
      over.abort();
      await Promise.all(chains);
    });

    test('a call that the server refused without processing it is sent again, also one that is not idempotent', async () => {
      let refused = 0;
      const server = await serve((stream) =>
        refused++ < 2 ? stream.close(constants.NGHTTP2_REFUSED_STREAM) : echo(stream),
      );
      await open([server.address]).unary(call());
      expect(server.seen).toBe(3);
    });

    test('after a lost connection only an idempotent call is sent again', async () => {
      let lost = 0;
      const server = await serve((stream) => (lost++ % 2 === 0 ? stream.session?.destroy() : echo(stream)));
      const channel = open([server.address]);
      expect((await errorOf(channel.unary(call()))).code).toBe(Code.Unavailable);
      expect(server.seen).toBe(1);
      lost = 0;
      await channel.unary(call({ isIdempotent: true }));
      expect(server.seen).toBe(3);
    });

    test('an idempotent call to an unavailable service is sent three times, and once if the server says so', async () => {
      const server = await serve((stream, path) =>
        refuse(stream, { 'grpc-status': '14', ...(path === '/once' ? { 'grpc-retry-pushback-ms': '-1' } : {}) }),
      );
      const channel = open([server.address]);
      for (const [path, sent] of [
        ['/many', 3],
        ['/once', 1],
      ] as const) {
        server.seen = 0;
        expect((await errorOf(channel.unary(call({ path, isIdempotent: true })))).code).toBe(Code.Unavailable);
        expect(server.seen).toBe(sent);
      }
    });

    test('an idempotent call is not sent again after a response has begun', async () => {
      const server = await serve((stream) => reply(stream, Buffer.of(), { 'grpc-status': '14' }));
      expect((await errorOf(open([server.address]).unary(call({ isIdempotent: true })))).code).toBe(Code.Unavailable);
      expect(server.seen).toBe(1);
    });

    test('a server that accepts connections and closes them is not hammered, whether calls wait or not', async () => {
      let accepted = 0;
      const full = createServer();
      full.on('session', (session) => {
        accepted += 1;
        session.on('error', () => undefined);
        setImmediate(() => session.destroy());
      });
      full.listen(0, '127.0.0.1');
      await once(full, 'listening');
      closing.push(() => void full.close());
      const channel = open([{ host: '127.0.0.1', port: (full.address() as AddressInfo).port }]);
      const calls = Array.from({ length: 50 }, () => errorOf(channel.unary(call({ timeoutMs: 2_000 }))));
      await Promise.all(calls);
      // Two seconds of calls: at most four attempts a second.
      expect(accepted).toBeLessThan(15);
      expect(accepted).toBeGreaterThan(1);
    });

    test('a connection whose server is gone without a word ends its calls', async () => {
      const server = await serve(() => undefined);
      const sockets: Socket[] = [];
      const proxy = createTcp((socket) => {
        const onward = connectTcp(server.address.port, '127.0.0.1');
        sockets.push(socket, onward);
        socket.pipe(onward).pipe(socket);
        for (const one of [socket, onward]) one.on('error', () => undefined);
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      closing.push(() => {
        for (const socket of sockets) socket.destroy();
        proxy.close();
      });
      const { port } = proxy.address() as AddressInfo;
      const channel = open([{ host: '127.0.0.1', port }], { keepalive: { interval: 50, timeout: 50 } });
      const ended = errorOf(channel.unary(call({ timeoutMs: 60_000 })));
      await expect.poll(() => server.seen).toBe(1);
      for (const socket of sockets) socket.unpipe().pause();
      expect((await ended).code).toBe(Code.Unavailable);
    });

    test('a session that has ended takes pings and calls, and does nothing with them', async () => {
      const server = await serve(echo);
      const ready = Promise.withResolvers<void>();
      const session = openSession(server.address, 'test:1', {
        ready: ready.resolve,
        leaving: () => undefined,
        closed: () => undefined,
      });
      await ready.promise;
      session.destroy();
      const answered: unknown[] = [];
      session.ping(() => answered.push('pong'));
      const { path, header } = call();
      const attempt = session.call({ path, header, timeout: undefined, body: framed(Buffer.of()), maxBytes: 1 });
      expect(await attempt.outcome).toMatchObject({ isUnseen: true });
      attempt.cancel();
      expect(answered).toEqual([]);
    });

    test('closing a channel ends its calls, and later ones', async () => {
      const server = await serve(() => undefined);
      const channel = open([server.address]);
      const ended = errorOf(channel.unary(call()));
      await expect.poll(() => server.seen).toBe(1);
      channel.close();
      expect((await ended).code).toBe(Code.Unavailable);
      expect((await errorOf(channel.unary(call()))).code).toBe(Code.Unavailable);
    });
  });
}
