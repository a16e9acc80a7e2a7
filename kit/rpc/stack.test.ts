import { createClient } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from './app.ts';
import { createInProcessTransport } from './in-process.ts';
import { createService } from './stack.ts';

test('a service without a guard among its checks serves public methods alone', async () => {
  const app = createService({
    mounted: [mount(EchoService, { echo: () => ({ text: 'hi' }), private: () => ({ text: 'secret' }) })],
    checks: [],
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  const client = createClient(EchoService, createInProcessTransport(app));
  expect((await client.echo({})).text).toBe('hi');
  expect(await client.private({}).then(() => undefined, reasonOf)).toBe('INTERNAL');
});
