import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from '#kit/call/app.ts';
import { serveGrpc } from './grpc-server.ts';
import { createService } from '#kit/service/stack.ts';

test('ends a stream and its handler if the client does not read', async () => {
  const ended = Promise.withResolvers<void>();
  const app = createService({
    mounted: [
      mount(EchoService, {
        async *count(_, { signal }) {
          signal.addEventListener('abort', () => ended.resolve());
          for (let number = 1; ; number++) yield { number };
        },
      }),
    ],
    checks: [],
    ready: async () => undefined,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  const server = await serveGrpc(app, { port: 0, host: '127.0.0.1', slowReaderTimeout: 300 });
  onTestFinished(() => server.close());
  // Window size 0: the server must not send any data.
  const session = connect(`http://127.0.0.1:${server.port}`, { settings: { initialWindowSize: 0 } });
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/signet.test.v1.EchoService/Count',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.end(Buffer.alloc(5));
  await ended.promise;
  if (!stream.closed) await once(stream, 'close');
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
});
