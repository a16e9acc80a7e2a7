import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createLog, silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from '#kit/call/app.ts';
import { currentCall } from '#kit/call/call.ts';
import { maxRequestBytes } from '#kit/contract/limits.ts';
import { createService } from '#kit/service/stack.ts';
import { type Door, openDoor } from './door.ts';
import { createDoorServer, httpLimits } from './server.ts';

let isReady = true;
const waiting: string[] = [];
const app = createService({
  mounted: [
    mount(EchoService, {
      async echo({ text, wait }) {
        waiting.push(text);
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        return { text, seen: { address: currentCall()?.address ?? '', requestId: currentCall()?.requestId ?? '' } };
      },
      async create({ text, wait }) {
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref());
        return { text };
      },
      async *count({ to }) {
        for (let number = 1; number <= to; number++) yield { number };
      },
      async *chat(requests) {
        for await (const { text } of requests) yield { text };
      },
    }),
  ],
  checks: [],
  ready: async () => (isReady ? undefined : 'keys'),
  reflection: true,
  log: silentLog,
  metrics: noMetrics,
});

let door: Door;
/** Request ids of Fastify. */
const doorIds: string[] = [];
const sockets: Socket[] = [];
beforeAll(async () => {
  door = await openDoor({
    app,
    ready: async () => (isReady ? undefined : 'keys'),
    log: silentLog,
    port: 0,
    host: '127.0.0.1',
    extend: async (fastify) => {
      fastify.addHook('onRequest', async ({ id }) => void doorIds.push(id));
    },
  });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => door.close());

function open(port = door.port): Socket {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  return socket;
}

async function readUntil(socket: Socket, text: string): Promise<string> {
  let read = '';
  for await (const chunk of socket) {
    read += (chunk as Buffer).toString('latin1');
    if (read.includes(text)) break;
  }
  return read;
}

const base = () => `http://127.0.0.1:${door.port}`;

describe('one port', () => {
  test.each([
    ['Connect over HTTP/1.1', () => createConnectTransport({ baseUrl: base(), httpVersion: '1.1' })],
    ['Connect over HTTP/2', () => createConnectTransport({ baseUrl: base(), httpVersion: '2' })],
    ['gRPC', () => createGrpcTransport({ baseUrl: base() })],
  ])('speaks %s', async (_, transport) => {
    const client = createClient(EchoService, transport());
    expect((await client.echo({ text: 'hi' })).text).toBe('hi');
    const numbers: number[] = [];
    for await (const { number } of client.count({ to: 100 })) numbers.push(number);
    expect(numbers).toHaveLength(100);
  });

  test('speaks HTTP/1.1 to a client whose request comes byte by byte', async () => {
    const socket = open();
    const answer = readUntil(socket, '"status":"ok"');
    for (const byte of 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toContain('HTTP/1.1 200 OK');
  });

  test('distinguishes POST, PUT and PATCH from the HTTP/2 preface', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'PROPFIND']) {
      const socket = open();
      const answer = readUntil(socket, '\r\n\r\n');
      socket.write('P');
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(`${method.slice(1)} /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      expect(await answer).toContain('HTTP/1.1 404');
    }
  });

  test('speaks HTTP/2 to a client whose preface comes byte by byte', async () => {
    const socket = open();
    const frames = once(socket, 'data');
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [first] = (await frames) as [Buffer];
    // A SETTINGS frame.
    expect(first[3]).toBe(4);
  });

  test('closes a connection of another protocol', async () => {
    const socket = open();
    socket.write('\x16\x03\x01 a TLS hello');
    expect(await readUntil(socket, 'nothing')).toContain('HTTP/1.1 400');
  });
});

describe('limits', () => {
  const limits = { ...httpLimits, headersTimeout: 300, requestTimeout: 600 };
  async function limited(): Promise<{ port: number; close: () => void }> {
    const server = createDoorServer((_: never, response: { end(text: string): void }) => response.end('ok'), {
      limits,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      port: (server.address() as { port: number }).port,
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    };
  }

  test('a silent response may be silent up to the idle timeout, repeatedly', async () => {
    const patient = { ...httpLimits, slowReaderTimeout: 200, keepAliveTimeout: 600 };
    const speak = async (response: ServerResponse) => {
      for (const text of ['one', 'two', 'three']) {
        response.write(text);
        await sleep(450);
      }
      response.end();
    };
    const handler = (_: never, response: ServerResponse) => {
      speak(response).catch(() => response.destroy());
    };
    const server = createDoorServer(handler, { limits: patient });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const answer = await fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
    expect(await answer.text()).toBe('onetwothree');
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ['sends nothing', ''],
    ['begins like HTTP/2 and stops', 'PR'],
    ['never ends its headers', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ])('closes a connection that %s', async (_, sent) => {
    const server = await limited();
    const socket = open(server.port);
    if (sent) socket.write(sent);
    socket.resume();
    await once(socket, 'close');
    server.close();
    expect(socket.destroyed).toBe(true);
  });

  test('refuses headers of 16 KiB, and accepts slightly smaller ones', async () => {
    const ask = async (size: number) => {
      const answer = await fetch(`${base()}/health`, { headers: { 'x-filler': 'x'.repeat(size) } });
      return answer.status;
    };
    expect(await ask(15_000)).toBe(200);
    expect(await ask(17_000)).toBe(431);
  });

  test.each([
    ['a method that declares none', '/v1/echo', 'Echo', maxRequestBytes],
    ['a method of 128 KiB', '/v1/things', 'Create', 131_072],
  ])('the maximum request of %s is the same over REST and Connect', async (_, path, name, largest) => {
    const ask = async (to: string, size: number) => {
      const answer = await fetch(`${base()}${to}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: 'hi' }).padEnd(size),
      });
      return answer.status;
    };
    const connectPath = `/signet.test.v1.EchoService/${name}`;
    expect(await ask(path, largest)).toBeLessThan(300);
    expect(await ask(path, largest + 1)).toBe(413);
    expect(await ask(connectPath, largest)).toBe(200);
    expect(await ask(connectPath, largest + 1)).toBe(429);
  });

  test("a REST call has its method's timeout", async () => {
    const ask = async (wait: number) => {
      const answer = await fetch(`${base()}/v1/things`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ wait }),
      });
      return answer.status;
    };
    expect([await ask(0), await ask(20_000)]).toEqual([201, 504]);
  });
});

test('a too large message ends a stream with PAYLOAD_TOO_LARGE', async () => {
  const client = createClient(EchoService, createConnectTransport({ baseUrl: base(), httpVersion: '2' }));
  async function* messages() {
    yield { text: 'x'.repeat(maxRequestBytes + 1) };
  }
  const read = async () => {
    for await (const { text } of client.chat(messages())) expect(text).toBe('');
  };
  expect(reasonOf(await read().catch((error: unknown) => error))).toBe('PAYLOAD_TOO_LARGE');
});

test.each([
  ['REST', '/v1/echo', {}],
  ['Connect', '/signet.test.v1.EchoService/Echo', {}],
  ['REST, with an id of its own', '/v1/echo', { 'x-request-id': 'mine' }],
  ['Connect, with an id of its own', '/signet.test.v1.EchoService/Echo', { 'x-request-id': 'mine' }],
  ['REST, with an id of another form', '/v1/echo', { 'x-request-id': 'a b' }],
])("a request over %s has one id: in the response, the call and the door's log", async (_, path, headers) => {
  const answer = await fetch(`${base()}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{}',
  });
  const { seen } = (await answer.json()) as { seen: { requestId: string } };
  const id = answer.headers.get('x-request-id');
  expect([seen.requestId, doorIds.at(-1)]).toEqual([id, id]);
  expect(id === 'mine').toBe((headers as Record<string, string>)['x-request-id'] === 'mine');
});

test('/health always responds, /ready only while the process can work, otherwise with the reason', async () => {
  const status = async (path: string) => (await fetch(`${base()}${path}`)).status;
  expect([await status('/health'), await status('/ready')]).toEqual([200, 200]);
  isReady = false;
  expect([await status('/health'), await status('/ready')]).toEqual([200, 503]);
  expect(await (await fetch(`${base()}/ready`)).json()).toEqual({ status: 'not ready', missing: 'keys' });
  isReady = true;
});

describe('X-Forwarded-For', () => {
  const ask = async (port: number) => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/echo`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': '203.0.113.7',
        'x-signet-peer': '198.51.100.1',
      },
      body: '{}',
    });
    return ((await answer.json()) as { seen: { address: string } }).seen.address;
  };

  test('is trusted only from a trusted proxy', async () => {
    const trusting = await openDoor({
      app,
      ready: async () => undefined,
      log: silentLog,
      port: 0,
      trustedProxies: ['127.0.0.0/8'],
    });
    expect(await ask(door.port)).toBe('127.0.0.1');
    expect(await ask(trusting.port)).toBe('203.0.113.7');
    await trusting.close();
  });

  /** Opens a door with a key of trusted proxies. Returns its port and its warnings. */
  async function noticing(trustedProxies: readonly string[]): Promise<{ port: number; warnings: string[] }> {
    const lines: string[] = [];
    const log = createLog({ level: 'warn', format: 'json', destination: { write: (line) => void lines.push(line) } });
    const options = { app, ready: async () => undefined, log, port: 0, trustedProxies, trustedProxiesKey: 'PROXIES' };
    const opened = await openDoor({ ...options, host: '127.0.0.1' });
    onTestFinished(() => opened.close());
    return { port: opened.port, warnings: lines };
  }
  const send = (port: number, headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/health`, { headers });

  test.each([
    ['X-Forwarded-For', { 'x-forwarded-for': '203.0.113.7' }],
    ['Forwarded', { forwarded: 'for=203.0.113.7' }],
  ])('%s from an unlisted address is warned about once, with the key', async (name, headers) => {
    const { port, warnings } = await noticing(['10.0.0.0/8']);
    await send(port, {});
    expect(warnings).toEqual([]);
    await send(port, headers);
    await send(port, headers);
    expect(warnings.map((line) => JSON.parse(line).msg)).toEqual([
      `a request from 127.0.0.1 has ${name}, which is ignored: if this is a proxy in front of Signet, add it to PROXIES, ` +
        'or all its clients count as one (logged once)',
    ]);
  });

  test('from a listed address is not warned about', async () => {
    const { port, warnings } = await noticing(['127.0.0.1']);
    await send(port, { 'x-forwarded-for': '203.0.113.7' });
    expect(warnings).toEqual([]);
  });
});

test('closing waits for requests in progress, over HTTP/1.1 and HTTP/2, and closes idle connections', async () => {
  const closing = await openDoor({ app, ready: async () => undefined, log: silentLog, port: 0, host: '127.0.0.1' });
  const baseUrl = `http://127.0.0.1:${closing.port}`;
  await fetch(`${baseUrl}/health`);
  const calls = (['1.1', '2'] as const).map((httpVersion) =>
    createClient(EchoService, createConnectTransport({ baseUrl, httpVersion })).echo({
      text: `slow ${httpVersion}`,
      wait: 300,
    }),
  );
  await expect.poll(() => waiting).toEqual(expect.arrayContaining(['slow 1.1', 'slow 2']));
  const closed = closing.close();
  expect((await Promise.all(calls)).map(({ text }) => text)).toEqual(['slow 1.1', 'slow 2']);
  await closed;
  await expect(fetch(`${baseUrl}/health`)).rejects.toThrow('fetch failed');
});
