import { createClient } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { silentLog } from '#kit/log/log.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { openTcpProxy } from '#kit/testing/tcp-proxy.ts';
import { createGrpcTransport } from './grpc-client.ts';
import { serveGrpc } from './grpc-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Starts a replica that answers with its name. */
async function startReplica(name: string): Promise<number> {
  const app = createService({
    mounted: [
      mount(EchoService, {
        echo: () => ({ text: name }),
        create: () => ({ text: name }),
        async *chat(requests) {
          for await (const _ of requests) yield { text: name };
        },
      }),
    ],
    checks: [],
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  const server = await serveGrpc(app, { port: 0, host: '127.0.0.1', connectionAge: 50 });
  closing.push(() => server.close());
  return server.port;
}

test.each(['http2', 'grpc-js'] as const)(
  'a running caller over %s reaches a replica that is added behind a balancer of connections, and no call fails',
  async (channel) => {
    const proxy = await openTcpProxy(await startReplica('first'));
    closing.push(() => proxy.close());
    const transport = createGrpcTransport(`127.0.0.1:${proxy.port}`, [EchoService], { channel });
    closing.push(() => transport.close());
    const client = createClient(EchoService, transport);
    const name = async () => (await client.create({ text: 'x' })).text;
    expect(await name()).toBe('first');
    proxy.add(await startReplica('second'));
    const seen = new Set<string>();
    while (seen.size < 2) seen.add(await name());
    expect([...seen].toSorted()).toEqual(['first', 'second']);
  },
);

test('a stream goes on when its connection is too old for new calls', async () => {
  const proxy = await openTcpProxy(await startReplica('first'));
  closing.push(() => proxy.close());
  const transport = createGrpcTransport(`127.0.0.1:${proxy.port}`, [EchoService]);
  closing.push(() => transport.close());
  const questions = Array.from({ length: 3 }, () => Promise.withResolvers<undefined>());
  async function* ask() {
    for (const { promise } of questions) {
      await promise;
      yield { text: 'x' };
    }
  }
  const answers = createClient(EchoService, transport).chat(ask())[Symbol.asyncIterator]();
  for (const { resolve } of questions) {
    const before = proxy.connections;
    resolve(undefined);
    expect((await answers.next()).value?.text).toBe('first');
    // Later calls are on newer connections, so that of the stream is too old for them.
    const client = createClient(EchoService, transport);
    await expect
      .poll(async () => (await client.create({ text: 'x' })) && proxy.connections)
      .toBeGreaterThan(before + 1);
  }
  expect((await answers.next()).done).toBe(true);
});
