import { connect } from 'node:net';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { createRpcApp, mount } from '#kit/call/app.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import * as fc from 'fast-check';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountRest } from './mount-rest.ts';
import { type EchoDoor, json, openEchoDoor } from './testing/echo-door.ts';

let door: EchoDoor;
beforeAll(async () => {
  door = await openEchoDoor({
    gate: async (context) => {
      context.responseHeader.set('x-request-id', 'r-1');
      if (context.method.name !== 'Private') return;
      if (context.requestHeader.get('authorization') === 'Bearer good') return;
      const error = failure('INVALID_TOKEN');
      error.metadata.set('www-authenticate', 'Bearer error="invalid_token"');
      throw error;
    },
    before: (app) => {
      app.get('/health', async () => ({ ok: true }));
      app.addHook('onRequest', async (_, reply) => {
        reply.header('x-hook', 'seen');
      });
    },
    impl: {
      create(request, context) {
        context.responseHeader.append('set-cookie', 'a=1; Path=/');
        context.responseHeader.append('set-cookie', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
        context.responseHeader.set('location', '/v1/things/1');
        context.responseHeader.set('content-length', '3');
        context.responseHeader.set('transfer-encoding', 'chunked');
        context.responseHeader.set('connection', 'close');
        if (request.fail === 2) return { numbers: ['no number'] as unknown as number[] };
        if (request.fail > 0) {
          const error = testFailure('LOGIN_OVER', { retryAfter: 3 });
          error.metadata.append('set-cookie', 'c=; Max-Age=0');
          error.metadata.set('x-internal', 'no');
          throw error;
        }
        return { text: request.text };
      },
      adminOnly(request, context) {
        context.responseHeader.set('etag', '"v1"');
        return { text: request.text };
      },
      scoped: (_, context) =>
        new Promise((_resolve, reject) =>
          context.signal.addEventListener('abort', () => reject(context.signal.reason)),
        ),
      fresh: () => new Promise(() => undefined),
    },
    rest: { timeoutMs: 300 },
  });
});
afterAll(() => door.close());

const send = (path: string, init?: RequestInit) => fetch(door.url + path, init);

describe('a unary method on REST', () => {
  it('responds to a POST with proto field names and all fields without presence', async () => {
    const response = await send('/v1/echo', json({ text: 'hi', nested: { label: 'x' } }));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      text: 'hi',
      nested: { label: 'x', weight: 0 },
      numbers: [],
      colors: [],
      big: '0',
      seen: { authorization: '', cookie: '', peer: '127.0.0.1', method: 'POST', protocol: 'rest' },
    });
  });

  it.each([
    ['GET', '/v1/echo/a%2Fb', 'a/b'],
    ['DELETE', '/v1/echo/x', 'x'],
    ['POST', '/v1/echo/x:shout', 'x'],
    ['GET', '/v1/files/dir/a/b%2Fc', 'dir/a/b%2Fc'],
  ])('%s %s reaches its binding', async (method, path, text) => {
    const response = await send(path, { method });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ text });
  });

  it('reads path, query and a part of the message from the body', async () => {
    const response = await send('/v1/echo/t/nested?numbers=1&numbers=2', json({ label: 'l' }, { method: 'PUT' }));
    expect(await response.json()).toMatchObject({ text: 't', nested: { label: 'l' }, numbers: [1, 2] });
  });

  it('responds with the field that response_body names', async () => {
    expect(await (await send('/v1/nested/l?nested.weight=2')).json()).toEqual({ label: 'l', weight: 2 });
    const text = await send('/v1/text/caf%C3%A9');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toBe('café');
  });

  it('responds 201 by the contract, with separate cookies and without connection headers', async () => {
    const response = await send('/v1/things', json({ text: 'x' }));
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT']);
    expect(response.headers.get('location')).toBe('/v1/things/1');
    expect(response.headers.get('connection')).toBe('keep-alive');
    expect(response.headers.get('transfer-encoding')).toBeNull();
    expect(await response.json()).toMatchObject({ text: 'x' });
  });

  it('responds 204 to a DELETE with an empty response', async () => {
    const response = await send('/v1/things/x', { method: 'DELETE' });
    expect(response.status).toBe(204);
    expect(response.headers.get('content-type')).toBeNull();
    expect(await response.text()).toBe('');
  });

  it('runs HEAD like GET, without the body', async () => {
    const response = await send('/v1/echo/x', { method: 'HEAD' });
    const length = (await (await send('/v1/echo/x')).text()).length;
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBe(length + 1); // the echo contains "HEAD" instead of "GET"
    expect((await send('/v1/echo', { method: 'HEAD' })).status).toBe(405);
    expect((await send('/v1/nope', { method: 'HEAD' })).status).toBe(404);
  });

  it('leaves other routes alone, and runs hooks of the instance', async () => {
    expect(await (await send('/health')).json()).toEqual({ ok: true });
    expect((await send('/v1/echo/x')).headers.get('x-hook')).toBe('seen');
    expect((await send('/v1/nope')).headers.get('x-hook')).toBe('seen');
  });

  it.each([
    ['"v1"', 304],
    ['W/"v1"', 304],
    ['"v0", "v1"', 304],
    ['*', 304],
    ['"v2"', 200],
    ['v1', 200],
  ])('responds to If-None-Match %s with %i', async (tag, status) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await send('/v1/admin', { method, headers: { 'if-none-match': tag } });
      expect(response.status).toBe(status);
      expect(response.headers.get('etag')).toBe('"v1"');
      expect(response.headers.get('cache-control')).toBe('no-cache');
      expect((await response.text()).length > 0).toBe(status === 200 && method === 'GET');
    }
  });

  it('responds 504 after the deadline, even if the handler ignores its signal', async () => {
    for (const path of ['/v1/scoped', '/v1/fresh']) {
      const response = await send(path);
      expect(response.status).toBe(504);
      expect(await response.json()).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
  });

  it('aborts the call when the client disconnects', async () => {
    const abort = new AbortController();
    const gone = send('/v1/fresh', { signal: abort.signal });
    const before = door.calls.length;
    await expect.poll(() => door.calls.length).toBe(before + 1);
    const { signal } = door.calls.at(-1)!;
    abort.abort();
    await expect(gone).rejects.toThrow('aborted');
    await expect.poll(() => signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ rawMessage: 'The client cancelled the request.' });
  });

  it('ends the signal of a call that is over', async () => {
    await send('/v1/echo/x');
    expect(door.calls.at(-1)?.signal.aborted).toBe(true);
  });
});

describe('errors on REST', () => {
  it('are problems with all members', async () => {
    const response = await send('/v1/echo/x?secret=1', { method: 'GET' });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBe('r-1');
    expect(await response.json()).toEqual({
      type: 'urn:signet:error:INVALID_ARGUMENT',
      title: 'The request is not valid.',
      status: 400,
      detail: 'secret: Unknown query parameter.',
      instance: '/v1/echo/x',
      code: 'INVALID_ARGUMENT',
      request_id: 'r-1',
      errors: [{ field: 'secret', description: 'Unknown query parameter.', reason: 'UNKNOWN_FIELD' }],
    });
  });

  it('are small, however many fields are invalid', async () => {
    const query = Array.from({ length: 4_000 }, (_, index) => `a${index}`).join('&');
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 4_000 }, (_, index) => [`a${index}`, 1])));
    const answers = [
      await send(`/v1/echo/x?${query.slice(0, 15_000)}`, { method: 'GET' }),
      await send('/v1/echo', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    ];
    for (const answer of answers) {
      const text = await answer.text();
      expect(answer.status).toBe(400);
      expect(JSON.parse(text).errors).toHaveLength(20);
      expect(text.length).toBeLessThan(4_000);
    }
  });

  it('have only headers that the error and the call set', async () => {
    const response = await send('/v1/things', json({ fail: 1 }));
    expect(response.status).toBe(401);
    expect(response.headers.getSetCookie()).toEqual([
      'a=1; Path=/',
      'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
      'c=; Max-Age=0',
    ]);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(response.headers.get('x-internal')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('replace a response that cannot be serialized', async () => {
    const response = await send('/v1/things', json({ fail: 2 }));
    expect(response.status).toBe(500);
    expect(response.headers.getSetCookie()).toHaveLength(2);
    expect(await response.json()).toMatchObject({ code: 'INTERNAL' });
  });

  it('hide unexpected errors', async () => {
    const response = await send('/v1/echo', json({ fail: 13 }));
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret');
    expect(JSON.parse(text)).toMatchObject({ code: 'INTERNAL' });
  });

  it('of the gate have its challenge', async () => {
    const response = await send('/v1/private', json({}));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect((await send('/v1/private', json({}, { headers: { authorization: 'Bearer good' } }))).status).toBe(200);
  });

  it.each([
    ['GET', '/', 404, null],
    ['GET', '/v1/nope', 404, null],
    ['GET', '/v1/echo/x/', 404, null],
    ['GET', '/v1//echo/x', 404, null],
    ['GET', '/v1/echo', 405, 'POST'],
    ['PATCH', '/v1/echo/x', 405, 'DELETE, GET, HEAD'],
    ['OPTIONS', '/v1/echo', 405, 'POST'],
    ['PROPFIND', '/v1/echo', 405, 'POST'],
    ['GET', '/v1/echo/x:shout', 405, 'POST'],
  ])('%s %s is %i', async (method, path, status, allow) => {
    const response = await send(path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('allow')).toBe(allow);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      code: status === 404 ? 'NOT_FOUND' : 'METHOD_NOT_ALLOWED',
      request_id: response.headers.get('x-request-id'),
    });
  });

  it.each(['/v1/echo/%zz', '/v1/echo/%ff', '/v1/%'])('refuses the path %s with a problem', async (path) => {
    const response = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(response).toMatch(/^HTTP\/1\.1 400 /);
    expect(response).toContain('application/problem+json');
    expect(response).toContain('"code":"INVALID_ARGUMENT"');
  });

  it('are never 500, for any JSON or bytes as body', async () => {
    const keys = fc.constantFrom('text', 'nested', 'numbers', 'flag', 'big', 'colors', 'label', '__proto__', 'x');
    const object = fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          object.map((value) => JSON.stringify(value)),
          fc.uint8Array({ maxLength: 40 }),
        ),
        async (body) => {
          const response = await send('/v1/echo', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: body as BodyInit,
          });
          expect([200, 400, 409]).toContain(response.status);
          await response.arrayBuffer();
        },
      ),
      {
        numRuns: 200,
        examples: [['{"nested":null}'], ['{"numbers":[null]}'], ['{"__proto__":null}'], ['{"wait":"x"}']],
      },
    );
  });
});

describe('request headers on REST', () => {
  it('preserve a repeated Authorization header', async () => {
    await raw(
      'GET /v1/echo/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\r\nAuthorization: Bearer b\r\n' +
        'cookie: a=1\r\ncookie: b=2\r\nconnection: close\r\n\r\n',
    );
    const header = door.calls.at(-1)?.requestHeader;
    expect(header?.get('authorization')).toBe('Bearer a, Bearer b');
    expect(header?.get('cookie')).toBe('a=1; b=2');
  });

  it('may follow a request target with scheme and host', async () => {
    const response = await raw('GET http://x/v1/echo/y?flag=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(response).toContain('"text":"y"');
    expect(response).toContain('"flag":true');
  });
});

describe('mountRest at start', () => {
  it('refuses duplicate routes, naming both methods', () => {
    const rpc = createRpcApp({
      mounted: [mount(EchoService, {}), mount(EchoService, {})],
      gate: async () => undefined,
    });
    expect(() => mountRest(Fastify(), rpc)).toThrow(/EchoService\/Echo \(POST \/v1\/echo\) and .*Echo \(POST/);
  });

  it('responds UNIMPLEMENTED for a method without an implementation', async () => {
    const response = await send('/v1/strong');
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: 'UNIMPLEMENTED' });
  });
});

/** Sends bytes and returns the response until the server closes. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(door.port, '127.0.0.1', () => socket.write(request));
    socket
      .on('data', (chunk) => (answer += chunk.toString()))
      .on('close', () => resolve(answer))
      .on('error', reject);
  });
}
