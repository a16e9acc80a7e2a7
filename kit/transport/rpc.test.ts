import { createClient, type Client, Code, ConnectError, type Transport } from '@connectrpc/connect';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount, type RpcApp } from '#kit/call/app.ts';
import { currentCall } from '#kit/call/call.ts';
import { asService } from '#kit/guard/as-service.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { createGrpcTransport } from './grpc-client.ts';
import { type GrpcServer, serveGrpc } from './grpc-server.ts';
import { createInProcessTransport } from './in-process.ts';
import { createService } from '#kit/service/stack.ts';

/** Cancelled calls, as seen by the handlers. */
const cancelled: string[] = [];
/** Number of running streams. */
let counting = 0;
const waiting: string[] = [];

function echo(next?: () => Client<typeof EchoService>) {
  return mount(EchoService, {
    async echo(request, context) {
      if (request.fail === 14) {
        waiting.push(request.text);
        throw failure('SERVICE_UNAVAILABLE');
      }
      if (request.fail === 13) throw new Error('the database password is hunter2');
      if (request.fail > 0) throw testFailure('TEXT_TAKEN');
      context.responseHeader.set('x-answer', 'header');
      context.responseTrailer.set('x-last', 'trailer');
      if (next && request.text.startsWith('relay:'))
        return next().echo({ text: request.text.slice(6), wait: request.wait });
      if (request.wait > 0) {
        waiting.push(request.text);
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(resolve, request.wait);
          context.signal.addEventListener('abort', () => {
            if (request.text === 'deaf') return;
            clearTimeout(timer);
            cancelled.push(request.text);
            reject(new ConnectError('gone', Code.Canceled));
          });
        });
      }
      const call = currentCall();
      const seen = {
        authorization: context.requestHeader.get('authorization') ?? '',
        caller: context.requestHeader.get('x-signet-caller') ?? '',
        requestId: call?.requestId ?? '',
        traceId: call?.trace.traceId ?? '',
        address: call?.address ?? '',
        deadline: String(call?.deadline ?? ''),
      };
      return { text: request.text, seen };
    },
    async *count({ to, failAfter }) {
      counting++;
      try {
        for (let number = 1; number <= to; number++) {
          if (failAfter > 0 && number > failAfter) throw testFailure('TEXT_TAKEN');
          yield { number };
        }
      } finally {
        counting--;
      }
    },
    async sum(requests) {
      let total = 0;
      for await (const { number } of requests) total += number;
      return { total };
    },
    async *chat(requests) {
      for await (const { text } of requests)
        yield { text: `${text}!`, seen: { requestId: currentCall()?.requestId ?? '' } };
    },
  });
}

function app(next?: () => Client<typeof EchoService>): RpcApp {
  return createService({
    mounted: [echo(next)],
    log: silentLog,
    metrics: noMetrics,
    ready: async () => undefined,
    reflection: true,
    checks: [
      async (context) => {
        if (context.requestHeader.get('authorization') === 'Bearer bad') throw failure('INVALID_TOKEN');
      },
    ],
  });
}

let server: GrpcServer;
let front: GrpcServer;
const transports: Record<'grpc' | 'grpc-js' | 'in-process', Transport & { close?: () => void }> = {} as never;

beforeAll(async () => {
  server = await serveGrpc(app(), { port: 0, host: '127.0.0.1' });
  const identity = { token: async () => 'front-token', refused: () => false };
  const back = asService(createGrpcTransport(`127.0.0.1:${server.port}`, [EchoService]), identity);
  front = await serveGrpc(
    app(() => createClient(EchoService, back)),
    { port: 0, host: '127.0.0.1' },
  );
  transports.grpc = createGrpcTransport(`127.0.0.1:${front.port}`, [EchoService]);
  transports['grpc-js'] = createGrpcTransport(`127.0.0.1:${front.port}`, [EchoService], { channel: 'grpc-js' });
  transports['in-process'] = createInProcessTransport(
    app(() => createClient(EchoService, asService(createInProcessTransport(app()), identity))),
  );
});

afterAll(async () => {
  for (const transport of Object.values(transports)) transport.close?.();
  await Promise.all([server.close(), front.close()]);
});

async function errorOf(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => ConnectError.from(error),
  );
}

describe.each(['grpc', 'grpc-js', 'in-process'] as const)('over %s', (kind) => {
  const client = () => createClient(EchoService, transports[kind]);

  test('a unary call returns message, headers and trailers', async () => {
    const headers: string[] = [];
    const answer = await client().echo(
      { text: 'hi' },
      {
        onHeader: (header) => headers.push(header.get('x-answer') ?? ''),
        onTrailer: (trailer) => headers.push(trailer.get('x-last') ?? ''),
      },
    );
    expect(answer.text).toBe('hi');
    expect(headers).toEqual(['header', 'trailer']);
  });

  test('a server stream arrives completely and in order', async () => {
    const numbers: number[] = [];
    for await (const { number } of client().count({ to: 1_000 })) numbers.push(number);
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
  });

  test('a stream that fails midway delivers its messages, then the error', async () => {
    const numbers: number[] = [];
    const failed = await errorOf(
      (async () => {
        for await (const { number } of client().count({ to: 10, failAfter: 3 })) numbers.push(number);
      })(),
    );
    expect(numbers).toEqual([1, 2, 3]);
    expect(reasonOf(failed)).toBe('TEXT_TAKEN');
  });

  test('a stream is cancelled when its reader stops, and the next call works', async () => {
    for await (const { number } of client().count({ to: 100_000 })) if (number === 5) break;
    expect((await client().echo({ text: 'still here' })).text).toBe('still here');
  });

  test('a client stream returns one message', async () => {
    async function* numbers() {
      for (let number = 1; number <= 10; number++) yield { number };
    }
    expect((await client().sum(numbers())).total).toBe(55);
  });

  test('a bidi stream responds to each message, in the context of its call', async () => {
    async function* words() {
      yield { text: 'a' };
      yield { text: 'b' };
    }
    const answers: string[] = [];
    for await (const { text, seen } of client().chat(words(), { headers: { 'x-request-id': 'chat-1' } })) {
      answers.push(text, seen['requestId'] ?? '');
    }
    expect(answers).toEqual(['a!', 'chat-1', 'b!', 'chat-1']);
  });

  test('a refusal by the gate reaches the client with its reason, and the handler does not run', async () => {
    const failed = await errorOf(client().echo({ text: 'no' }, { headers: { authorization: 'Bearer bad' } }));
    expect(failed.code).toBe(Code.Unauthenticated);
    expect(reasonOf(failed)).toBe('INVALID_TOKEN');
  });

  test('the gate refuses a stream before reading a message', async () => {
    let asked = 0;
    async function* endless() {
      for (;;) yield { number: ++asked };
    }
    const failed = await errorOf(client().sum(endless(), { headers: { authorization: 'Bearer bad' } }));
    expect(reasonOf(failed)).toBe('INVALID_TOKEN');
  });

  test('an error keeps reason and details', async () => {
    const failed = await errorOf(client().echo({ text: 'x', fail: 6 }));
    expect([failed.code, reasonOf(failed)]).toEqual([Code.AlreadyExists, 'TEXT_TAKEN']);
  });

  test('an unknown error is masked', async () => {
    const failed = await errorOf(client().echo({ text: 'x', fail: 13 }));
    expect(reasonOf(failed)).toBe('INTERNAL');
    expect(JSON.stringify([failed.message, [...failed.metadata]])).not.toContain('hunter2');
  });

  test('an invalid message is refused, naming the field but not the value', async () => {
    const failed = await errorOf(client().echo({ text: 'q'.repeat(10_001) }));
    expect(reasonOf(failed)).toBe('INVALID_ARGUMENT');
    expect(violationsOf(failed).map(({ field }) => field)).toEqual(['text']);
    expect(failed.message).not.toContain('qqq');
    expect((await client().echo({ text: 'q'.repeat(10_000) })).text).toHaveLength(10_000);
  });

  test("token, request id, trace and the caller's token are forwarded to the next service", async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { seen } = await client().echo(
      { text: 'relay:x' },
      {
        headers: {
          authorization: 'Bearer good',
          'x-request-id': 'req-1',
          traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
        },
      },
    );
    expect(seen).toMatchObject({ authorization: 'Bearer good', requestId: 'req-1', traceId, caller: 'front-token' });
  });

  test('the deadline is forwarded to the next service, and never grows', async () => {
    const before = Date.now();
    const { seen } = await client().echo({ text: 'relay:x' }, { timeoutMs: 2_000 });
    expect(Number(seen['deadline'])).toBeGreaterThan(before);
    expect(Number(seen['deadline'])).toBeLessThanOrEqual(Date.now() + 2_000);
  });

  test('a deadline ends the call and the outgoing call to the next service', async () => {
    const failed = await errorOf(client().echo({ text: `relay:late-${kind}`, wait: 30_000 }, { timeoutMs: 100 }));
    expect(failed.code).toBe(Code.DeadlineExceeded);
    await expect.poll(() => cancelled).toContain(`late-${kind}`);
  });

  test('a deadline ends a call whose handler ignores its signal', async () => {
    const failed = await errorOf(client().echo({ text: 'deaf', wait: 3_000 }, { timeoutMs: 100 }));
    expect(failed.code).toBe(Code.DeadlineExceeded);
  });

  test('a handler finishes after its client stops reading a stream', async () => {
    const abort = new AbortController();
    const numbers = client().count({ to: 100_000, every: 1 }, { signal: abort.signal })[Symbol.asyncIterator]();
    await numbers.next();
    const open = counting;
    abort.abort();
    await expect.poll(() => counting).toBe(open - 1);
  });

  test('a disconnect cancels the call to the next service', async () => {
    const abort = new AbortController();
    const pending = errorOf(client().echo({ text: `relay:left-${kind}`, wait: 30_000 }, { signal: abort.signal }));
    await expect.poll(() => waiting).toContain(`left-${kind}`);
    abort.abort();
    expect((await pending).code).toBe(Code.Canceled);
    await expect.poll(() => cancelled).toContain(`left-${kind}`);
  });

  test('ended calls leave no timers', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const before = timers();
    for (let index = 0; index < 50; index++) {
      await client().echo({ text: 'relay:x' }, { timeoutMs: 60_000 });
      for await (const { number } of client().count({ to: 3 }, { timeoutMs: 60_000 }))
        expect(number).toBeGreaterThan(0);
    }
    await expect.poll(timers).toBeLessThan(before + 20);
  });

  test('fifty concurrent calls have separate contexts', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
    const answers = await Promise.all(
      ids.map((id) => client().echo({ text: 'relay:x', wait: 1 }, { headers: { 'x-request-id': id } })),
    );
    expect(answers.map(({ seen }) => seen['requestId'])).toEqual(ids);
  });
});

test('closing a server ends endless streams', async () => {
  const endless = await serveGrpc(app(), { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`127.0.0.1:${endless.port}`, [EchoService]);
  const client = createClient(EchoService, transport);
  const words = Promise.withResolvers<never>();
  const input = {
    async *[Symbol.asyncIterator]() {
      yield { text: 'a' };
      await words.promise;
    },
  };
  const answers = client.chat(input)[Symbol.asyncIterator]();
  await answers.next();
  const before = performance.now();
  await endless.close(20_000);
  expect(performance.now() - before).toBeLessThan(10_000);
  expect(reasonOf(await errorOf(answers.next()))).toBe('SERVICE_UNAVAILABLE');
  transport.close();
});

test('a token that gRPC cannot carry is not logged', async () => {
  const written: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((...parts) => void written.push(parts.join(' ')));
  const session = connect(`http://127.0.0.1:${front.port}`);
  const call = session.request({
    ':method': 'POST',
    ':path': '/signet.test.v1.EchoService/Echo',
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer secret-token\u00a0',
  });
  call.end(Buffer.alloc(5));
  await once(call.resume(), 'close');
  session.close();
  spy.mockRestore();
  expect(written).toEqual([]);
});

test('a service that is down is UNAVAILABLE until it is back', async () => {
  const first = await serveGrpc(app(), { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`127.0.0.1:${first.port}`, [EchoService]);
  const client = createClient(EchoService, transport);
  expect((await client.echo({ text: 'one' })).text).toBe('one');
  await first.close();
  expect((await errorOf(client.echo({ text: 'two' }))).code).toBe(Code.Unavailable);
  const second = await serveGrpc(app(), { port: first.port, host: '127.0.0.1' });
  await expect
    .poll(
      () =>
        client.echo({ text: 'three' }).then(
          ({ text }) => text,
          () => '',
        ),
      { timeout: 10_000 },
    )
    .toBe('three');
  transport.close();
  await second.close();
});

test("does not retry a service's response, even UNAVAILABLE", async () => {
  const away = await serveGrpc(app(), { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`127.0.0.1:${away.port}`, [EchoService]);
  const { code } = await errorOf(createClient(EchoService, transport).echo({ text: 'away', fail: 14 }));
  expect(code).toBe(Code.Unavailable);
  expect(waiting.filter((text) => text === 'away')).toHaveLength(1);
  transport.close();
  await away.close();
});

test('closing a server waits for calls in progress', async () => {
  const draining = await serveGrpc(app(), { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`127.0.0.1:${draining.port}`, [EchoService]);
  const client = createClient(EchoService, transport);
  const pending = client.echo({ text: 'slow', wait: 300 });
  await expect.poll(() => waiting).toContain('slow');
  const closed = draining.close();
  expect((await pending).text).toBe('slow');
  await closed;
  transport.close();
});
