import { setImmediate as turn } from 'node:timers/promises';
import {
  Code,
  ConnectError,
  type Client,
  createClient,
  type HandlerContext,
  type Transport,
} from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { openDoor, type Door } from '#kit/door/door.ts';
import { failure } from '#kit/errors/failure.ts';
import { createLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from '#kit/call/app.ts';
import { createGrpcTransport } from './grpc-client.ts';
import { type GrpcServer, serveGrpc } from './grpc-server.ts';
import { createInProcessTransport } from './in-process.ts';
import { createService } from '#kit/service/stack.ts';

/** Stages of a call at which its client may disconnect. */
const places = ['the first check', 'the last check', 'the handler', 'a later await', 'a failing handler'] as const;
type Place = (typeof places)[number];

/** Hooks of the test at each stage, and the stages that calls reached. */
let hook: (place: Place, context: HandlerContext) => Promise<void> = async () => undefined;
let seen: Place[] = [];
async function at(place: Place, context: HandlerContext): Promise<void> {
  seen.push(place);
  await hook(place, context);
}

const lines: string[] = [];
let stray = 0;
const app = createService({
  mounted: [
    mount(EchoService, {
      async echo({ text }, context) {
        await at('the handler', context);
        await at('a later await', context);
        if (text === 'fails') {
          await at('a failing handler', context);
          throw new Error('nobody waits for this');
        }
        return { text };
      },
      async *count({ to }, context) {
        await at('the handler', context);
        for (let number = 1; number <= to; number++) {
          await at('a later await', context);
          yield { number };
        }
        await at('a failing handler', context);
        throw new Error('nobody waits for this');
      },
    }),
  ],
  checks: [(context) => at('the first check', context), (context) => at('the last check', context)],
  log: createLog({ level: 'debug', format: 'json', destination: { write: (line) => void lines.push(line) } }),
  metrics: { ...noMetrics, strayError: () => (stray += 1) },
  ready: async () => undefined,
  reflection: false,
});

let server: GrpcServer;
let door: Door;
let channel: Transport & { close(): void };
beforeAll(async () => {
  server = await serveGrpc(app, { port: 0, host: '127.0.0.1' });
  door = await openDoor({
    app,
    ready: async () => undefined,
    log: createLog({ level: 'silent', format: 'json' }),
    port: 0,
  });
  channel = createGrpcTransport(`127.0.0.1:${server.port}`, [EchoService]);
});
afterAll(async () => {
  channel.close();
  await Promise.all([server.close(), door.close()]);
});

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeEach(() => {
  process.on('unhandledRejection', note);
  [seen, stray] = [[], 0];
  lines.length = 0;
});
afterEach(async () => {
  hook = async () => undefined;
  // Work for the call ends, and unhandled rejections surface.
  for (let turns = 0; turns < 20; turns++) await turn();
  process.off('unhandledRejection', note);
  expectAllHandled();
});

function expectAllHandled(): void {
  expect(unhandled.splice(0)).toEqual([]);
}

/** A call that is cancelled by its signal, on any transport. */
type Call = (text: string, signal: AbortSignal) => Promise<unknown>;

async function readAll(client: Client<typeof EchoService>, signal: AbortSignal): Promise<unknown> {
  for await (const _ of client.count({ to: 3 }, { signal }));
  return undefined;
}

const calls: Record<string, Call> = {
  'unary, in process': (text, signal) =>
    createClient(EchoService, createInProcessTransport(app)).echo({ text }, { signal }),
  'stream, in process': (_, signal) => readAll(createClient(EchoService, createInProcessTransport(app)), signal),
  'unary, gRPC': (text, signal) => createClient(EchoService, channel).echo({ text }, { signal }),
  'stream, gRPC': (_, signal) => readAll(createClient(EchoService, channel), signal),
  'unary, gRPC-Web': (text, signal) => createClient(EchoService, web()).echo({ text }, { signal }),
  'stream, gRPC-Web': (_, signal) => readAll(createClient(EchoService, web()), signal),
  REST: (text, signal) => post('/v1/echo', { text }, signal),
  Connect: (text, signal) => post('/signet.test.v1.EchoService/Echo', { text }, signal),
};

function web(): Transport {
  return createGrpcWebTransport({ baseUrl: `http://127.0.0.1:${door.port}`, httpVersion: '1.1' });
}

async function post(path: string, message: unknown, signal: AbortSignal): Promise<string> {
  const body = JSON.stringify(message);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${door.port}${path}`, { method: 'POST', headers, body, signal });
  return answer.text();
}

describe.each(Object.keys(calls))('%s', (name) => {
  const call = calls[name]!;

  test.each(places)('a client that disconnects at %s ends only its call', async (place) => {
    const leaving = new AbortController();
    const over = Promise.withResolvers<void>();
    hook = async (here, { signal }) => {
      if (here !== place) return;
      leaving.abort();
      // As late as possible: the server knows of the disconnect.
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      over.resolve();
    };
    await call('fails', leaving.signal).catch(() => undefined);
    await over.promise;
    for (let turns = 0; turns < 20; turns++) await turn();
    // A call that is over starts no work.
    expect(seen.includes('the handler')).toBe(!place.endsWith('check'));
    expect(lines.filter((line) => line.includes('"msg":"call"'))).toHaveLength(1);
    expect(lines.join('')).toContain('"reason":"CANCELLED"');
    // A handler's error is then only logged. A stream is not read further.
    const failsLate = name.startsWith('stream') ? place === 'a failing handler' : !place.endsWith('check');
    expect(lines.join('').includes('nobody waits for this')).toBe(failsLate);
    expect(stray).toBe(failsLate ? 1 : 0);
    hook = async () => undefined;
    await expect(call('hi', AbortSignal.timeout(5_000)).catch(() => 'refused')).resolves.toBeDefined();
  });
});

test('a call whose deadline has passed does no work, and is counted', async () => {
  for (const transport of [createInProcessTransport(app), channel]) {
    const client = createClient(EchoService, transport);
    const error = await client.echo({ text: 'hi' }, { timeoutMs: 0 }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  }
  expect(seen).not.toContain('the handler');
});

test('an in-process call may end at any turn of the event loop', async () => {
  for (const kind of ['unary, in process', 'stream, in process'] as const) {
    for (const refused of [false, true]) {
      hook = async (place) => {
        if (refused && place === 'the last check') throw failure('INVALID_TOKEN');
      };
      for (let turns = 0; turns < 120; turns++) {
        const leaving = new AbortController();
        const ending = calls[kind]!('hi', leaving.signal).catch(() => undefined);
        for (let count = 0; count < turns; count++) await Promise.resolve();
        leaving.abort();
        await ending;
      }
    }
  }
  expect(lines.filter((line) => line.includes('"level":50') && !line.includes('nobody waits'))).toEqual([]);
});
