import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { clientErrorAnswer } from './fastify-errors.ts';
import { type EchoDoor, openEchoDoor } from './testing/echo-door.ts';

let door: EchoDoor;
beforeAll(async () => {
  door = await openEchoDoor({
    before: (app) => {
      app.post('/beside', async () => ({}));
      app.get('/broken', async () => {
        throw new Error('the secret reason');
      });
      app.get('/busy', async (_, reply) => {
        reply.header('retry-after', '7');
        throw Object.assign(new Error('busy'), { statusCode: 503 });
      });
      app.get('/limited', async () => {
        throw Object.assign(new Error('slow down'), { statusCode: 429 });
      });
      app.get('/missing', (_, reply) => reply.callNotFound());
    },
  });
});
afterAll(() => door.close());

const send = (path: string, init?: RequestInit) => fetch(door.url + path, init);

describe('errors of Fastify itself', () => {
  it.each<[string, RequestInit | undefined, number, string]>([
    ['/broken', undefined, 500, 'INTERNAL'],
    ['/busy', undefined, 503, 'SERVICE_UNAVAILABLE'],
    ['/limited', undefined, 429, 'RATE_LIMITED'],
    ['/missing', undefined, 404, 'NOT_FOUND'],
    [
      '/beside',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
      400,
      'INVALID_ARGUMENT',
    ],
    ['/beside', { method: 'POST', headers: { 'content-type': 'image/png' }, body: '{' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      '/beside',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: `"${'x'.repeat(1024 * 1024)}"` },
      413,
      'PAYLOAD_TOO_LARGE',
    ],
  ])('%s %j is a problem with status %i', async (path, init, status, code) => {
    const response = await send(path, init);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const text = await response.text();
    expect(text).not.toContain('secret');
    expect(JSON.parse(text)).toMatchObject({ code, status, instance: path });
  });

  it('keep the headers on the reply', async () => {
    expect((await send('/busy')).headers.get('retry-after')).toBe('7');
  });

  it.each([
    [
      'headers of 64 KiB',
      `GET / HTTP/1.1\r\nhost: x\r\nx-big: ${'x'.repeat(64 * 1024)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    ['malformed HTTP', 'hello\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  ])('answer %s with a problem and close', async (_, bytes, status, code) => {
    const answer = await raw(bytes);
    expect(answer.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(answer).toContain('content-type: application/problem+json');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });

  it('answer headers that take too long with 408 and close', async () => {
    const server = createServer({ headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 50 });
    server.on('clientError', (error, socket) => clientErrorAnswer([], silentLog)(error, socket as Socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const answer = await raw('GET / HTTP/1.1\r\nhost: x\r\n', (server.address() as AddressInfo).port);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"status":408');
    server.close();
  });
});

/** Sends bytes and returns the response until the server closes. */
function raw(bytes: string, port = door.port): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(5000, () => reject(new Error('no response from the server')));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('end', () => {
      resolve(answer);
      socket.end();
    });
    socket.on('error', () => resolve(answer));
  });
}
