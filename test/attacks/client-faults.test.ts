import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ask, openSystem, type System } from '../system.ts';
import { portOf, requestText, sendRaw } from './wire.ts';

// Faults of a client are not server errors: each logs at most one line at info, without a stack, and nothing bypasses
// the logger.

let system: System;
const written: string[] = [];
beforeAll(async () => {
  system = await openSystem();
  for (const method of ['error', 'warn', 'log', 'info', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...parts) => void written.push(parts.map(String).join(' ')));
  }
});
afterAll(async () => {
  vi.restoreAllMocks();
  await system.close();
});
let before = 0;
beforeEach(() => {
  written.length = 0;
  before = system.logged().length;
});

/** The lines logged since the test started, with those of the last call. */
async function lines(): Promise<{ level: number; err?: unknown; msg: string }[]> {
  // The last call marks the end.
  await ask(`${system.edge}/api/v1/auth/public-key`, 'GET');
  const text = system.logged().slice(before);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function expectQuiet(limit: number): Promise<void> {
  const logged = (await lines()).filter(({ level }) => level >= 30);
  expect(logged.filter(({ level, err }) => level > 30 || err !== undefined)).toEqual([]);
  // The last call logs one more line, at the edge and at the auth service.
  expect(logged.length).toBeLessThanOrEqual(limit + 2);
  expect(written).toEqual([]);
}

test.each([
  ['an invalid host', requestText('GET', '/health', { host: 'a b' })],
  ['an invalid host with a call', requestText('POST', '/signet.auth.v1.AuthService/GetJwks', { host: 'a b' })],
  ['no host', requestText('GET', '/api/v1/auth/public-key', { host: null })],
  ['a path that cannot be decoded', requestText('GET', '/%zz')],
  ['headers that are too large', requestText('GET', '/', { headers: [`x: ${'a'.repeat(20_000)}`] })],
  [
    'a wrong content type',
    requestText('POST', '/signet.auth.v1.AuthService/Login', { headers: ['content-type: a/b'], body: '{' }),
  ],
  [
    'a body that is not JSON',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/json'],
      body: '{',
    }),
  ],
  [
    'a body that is not JSON, on REST',
    requestText('POST', '/api/v1/auth/login', { headers: ['content-type: application/json'], body: '{' }),
  ],
  [
    'a body without a frame',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/grpc-web+proto'],
      body: 'x'.repeat(50),
    }),
  ],
  [
    'an unknown content encoding',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/json', 'content-encoding: x'],
      body: '{}',
    }),
  ],
  [
    'an invalid timeout',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/json', 'connect-timeout-ms: x'],
      body: '{}',
    }),
  ],
  ['text that is not HTTP', 'hello\r\n\r\n'],
  [
    'an invalid chunk',
    requestText('POST', '/api/v1/auth/login', {
      headers: ['transfer-encoding: chunked', 'content-type: application/json'],
      body: 'zz\r\n',
    }),
  ],
  ['an upgrade', requestText('GET', '/', { headers: ['upgrade: websocket'] })],
  ['an expectation', requestText('POST', '/api/v1/auth/login', { headers: ['expect: coffee'], body: '{}' })],
])('%s logs at most one line at info', async (_, text) => {
  await sendRaw(system.edge, text);
  await expectQuiet(1);
});

test('broken connections and streams log at most one line each', async () => {
  const rounds = 30;
  for (let round = 0; round < rounds; round++) {
    const session = connectHttp2(system.edge);
    session.on('error', () => undefined);
    const streams = ['/docs', '/signet.auth.v1.AuthService/Login', '/api/v1/auth/login', '/nowhere'].map((path) => {
      const stream = session.request({ ':path': path, ':method': 'POST', 'content-type': 'application/json' });
      stream.on('error', () => undefined);
      stream.write('{');
      return stream;
    });
    await sleep(round % 5);
    if (round % 2 === 0) for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    session.destroy();
    const socket = connect(portOf(system.edge), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(requestText('POST', '/api/v1/auth/login', { headers: ['content-length: 10'], body: '{' }));
    await sleep(round % 3);
    socket.resetAndDestroy();
  }
  await expectQuiet(rounds * 5);
});
