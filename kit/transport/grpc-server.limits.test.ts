import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EchoRequest, EchoRequestSchema, EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { mount } from '#kit/call/app.ts';
import { createGrpcTransport, type GrpcTransport } from './grpc-client.ts';
import { type GrpcServer, serveGrpc } from './grpc-server.ts';
import { createService } from '#kit/service/stack.ts';

const longResponse = 9 * 1024 * 1024;

let server: GrpcServer;
let transport: GrpcTransport;
const lines: string[] = [];

beforeAll(async () => {
  const app = createService({
    mounted: [
      mount(EchoService, {
        echo: ({ text }) => ({ text: text === 'long' ? 'x'.repeat(longResponse) : text }),
        create: ({ text }) => ({ text }),
        async *chat(requests) {
          for await (const { text } of requests) yield { text };
        },
      }),
    ],
    checks: [],
    ready: async () => undefined,
    reflection: false,
    log: createLog({ level: 'debug', format: 'json', destination: { write: (line) => void lines.push(line) } }),
    metrics: noMetrics,
  });
  server = await serveGrpc(app, { port: 0, host: '127.0.0.1' });
  transport = createGrpcTransport(`127.0.0.1:${server.port}`, [EchoService]);
});
afterAll(async () => {
  transport.close();
  await server.close();
});

/** A request of an exact size. */
function requestOf(bytes: number): EchoRequest {
  const request = (length: number) => create(EchoRequestSchema, { nested: { label: 'x'.repeat(length) } });
  const around = toBinary(EchoRequestSchema, request(bytes - 100)).length - (bytes - 100);
  const made = request(bytes - around);
  expect(toBinary(EchoRequestSchema, made)).toHaveLength(bytes);
  return made;
}

const client = () => createClient(EchoService, transport);
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );

test.each([
  ['echo', 65_536],
  ['create', 131_072],
] as const)('the maximum message of %s is %i bytes', async (method, largest) => {
  expect(await errorOf(client()[method](requestOf(largest)))).toBeUndefined();
  expect((await errorOf(client()[method](requestOf(largest + 1))))?.code).toBe(Code.ResourceExhausted);
});

test("a message over its method's limit, but within another's, is PAYLOAD_TOO_LARGE, also in the log", async () => {
  lines.length = 0;
  expect(reasonOf(await errorOf(client().echo(requestOf(65_537))))).toBe('PAYLOAD_TOO_LARGE');
  await expect.poll(() => lines.join('')).toContain('"reason":"PAYLOAD_TOO_LARGE"');
  expect(lines.filter((line) => line.includes('"msg":"call"'))).toHaveLength(1);
});

test('a too large message ends a stream, after the messages before it', async () => {
  const read: string[] = [];
  async function* messages() {
    yield { text: 'small' };
    yield requestOf(65_537);
  }
  const reading = async () => {
    for await (const { text } of client().chat(messages())) read.push(text);
  };
  expect(reasonOf(await errorOf(reading()))).toBe('PAYLOAD_TOO_LARGE');
  expect(read).toEqual(['small']);
});

test('a response may have more than the 4 MiB that grpc-js allows by default: a page of a list is as long as its items', async () => {
  expect((await client().echo({ text: 'long' })).text).toHaveLength(longResponse);
});
