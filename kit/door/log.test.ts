import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createLog } from '#kit/log/log.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type Door, openDoor } from './door.ts';

/** Every request of a public port leaves one line. */

let door: Door;
const lines: string[] = [];
beforeAll(async () => {
  const ready = async () => undefined;
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const app = createService({
    mounted: [mount(EchoService, { echo: async ({ text }) => ({ text }) })],
    checks: [],
    ready,
    reflection: false,
    log,
    metrics: noMetrics,
  });
  door = await openDoor({ app, ready, log, port: 0, host: '127.0.0.1' });
});
afterAll(() => door.close());

/** Sends bytes and returns what was logged until the connection has ended. */
async function logged(request: string): Promise<Record<string, unknown>[]> {
  lines.length = 0;
  const socket = connect(door.port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write(request);
  await once(socket, 'close');
  await expect.poll(() => lines.length).toBeGreaterThan(0);
  return lines.map((line) => JSON.parse(line));
}

const head = (line: string, more = '') => `${line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${more}\r\n`;

test.each([
  [
    'an unknown path',
    head('GET /secret/path?token=x'),
    { msg: 'request', method: 'GET', route: 'unknown', status: 404 },
  ],
  ['another HTTP method', head('DELETE /v1/echo'), { msg: 'request', method: 'DELETE', route: 'unknown', status: 405 }],
  ['a call that is none', head('GET /signet.test.v1.EchoService/Echo'), { msg: 'request', status: 415 }],
  ['large headers', head('GET /', `x: ${'a'.repeat(70_000)}\r\n`), { status: 431 }],
  ['malformed HTTP', 'GET\r\n\r\n', { msg: 'malformed request', status: 400 }],
])('%s leaves one line, without the path', async (_, request, line) => {
  const found = await logged(request);
  expect(found).toEqual([expect.objectContaining(line)]);
  expect(JSON.stringify(found)).not.toContain('secret');
});

test('a call has its route, protocol and status', async () => {
  const body = '{"text":"hi"}';
  const found = await logged(
    `${head('POST /v1/echo', `content-type: application/json\r\ncontent-length: ${body.length}\r\n`)}${body}`,
  );
  expect(found).toEqual([
    expect.objectContaining({ msg: 'call', route: 'POST /v1/echo', protocol: 'rest', status: 200, code: 'ok' }),
  ]);
});
