import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ask, openSystem, type System } from '../system.ts';
import { portOf, requestText, sendRaw } from './wire.ts';

// What a stranger sends is not our fault: at most a line at info each, no stack, nothing past the logger.

let system: System;
const written: string[] = [];
beforeAll(async () => {
  system = await openSystem();
  for (const method of ['error', 'warn', 'log', 'info', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...said) => void written.push(said.map(String).join(' ')));
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

/** The lines that were logged since the test began, the last call's among them. */
async function lines(): Promise<{ level: number; err?: unknown; msg: string }[]> {
  // Asked last, logged last.
  await ask(`${system.edge}/api/v1/auth/public-key`, 'GET');
  const text = system.logged().slice(before);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function expectQuiet(most: number): Promise<void> {
  const logged = (await lines()).filter(({ level }) => level >= 30);
  expect(logged.filter(({ level, err }) => level > 30 || err !== undefined)).toEqual([]);
  // One more is of the call that was asked last; at the edge and at the auth service.
  expect(logged.length).toBeLessThanOrEqual(most + 2);
  expect(written).toEqual([]);
}

test.each([
  ['a host that is none', requestText('GET', '/health', { host: 'a b' })],
  ['a host that is none, with a call', requestText('POST', '/signet.auth.v1.AuthService/GetJwks', { host: 'a b' })],
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
    'a body that is no frame',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/grpc-web+proto'],
      body: 'x'.repeat(50),
    }),
  ],
  [
    'an unknown coding',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/json', 'content-encoding: x'],
      body: '{}',
    }),
  ],
  [
    'a bad time-out',
    requestText('POST', '/signet.auth.v1.AuthService/Login', {
      headers: ['content-type: application/json', 'connect-timeout-ms: x'],
      body: '{}',
    }),
  ],
  ['what is not HTTP', 'hello\r\n\r\n'],
  [
    'a bad chunk',
    requestText('POST', '/api/v1/auth/login', {
      headers: ['transfer-encoding: chunked', 'content-type: application/json'],
      body: 'zz\r\n',
    }),
  ],
  ['an upgrade', requestText('GET', '/', { headers: ['upgrade: websocket'] })],
  ['an expectation', requestText('POST', '/api/v1/auth/login', { headers: ['expect: coffee'], body: '{}' })],
])('%s writes at most one line at info', async (_, text) => {
  await sendRaw(system.edge, text);
  await expectQuiet(1);
});

test('connections and streams that break write at most one line each', async () => {
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
