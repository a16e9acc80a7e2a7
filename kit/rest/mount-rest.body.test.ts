import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { type EchoDoor, json, openEchoDoor } from './testing/echo-door.ts';

const bodyLimit = 64 * 1024;
const big = 9 * 1024 * 1024;

let door: EchoDoor;
beforeAll(async () => {
  door = await openEchoDoor({
    gate: async (context) => {
      if (context.method.name === 'Private') throw failure('TOKEN_REQUIRED');
    },
  });
});
afterAll(() => door.close());

const send = (path: string, init?: RequestInit) => fetch(door.url + path, init);

/** A JSON body of an exact size. */
const bodyOf = (bytes: number) => `{"text":"${'x'.repeat(bytes - 11)}"}`;

interface Answer {
  readonly status: number;
  readonly code: string;
  /** Milliseconds until the response headers arrived. */
  readonly ms: number;
}

/** Uploads `bytes` bytes, chunked or with a length, and reads the response meanwhile. */
function upload(path: string, bytes: number, chunked: boolean): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const outgoing = request(door.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(chunked ? {} : { 'content-length': bytes }) },
    });
    outgoing.on('error', reject); // a reset before the response
    outgoing.on('response', (incoming) => {
      const ms = performance.now() - began;
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => {
        const { code } = JSON.parse(text) as { code: string };
        resolve({ status: incoming.statusCode ?? 0, code, ms });
        outgoing.destroy();
      });
    });
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let left = bytes;
    function more(): void {
      while (left > 0) {
        const size = Math.min(left, chunk.length);
        left -= size;
        if (!outgoing.write(chunk.subarray(0, size)) && left > 0) {
          outgoing.once('drain', more);
          return;
        }
      }
      outgoing.end();
    }
    more();
  });
}

describe('the size of a body', () => {
  it('may be at most the limit, with and without Content-Length', async () => {
    const stream = (text: string) => Object.assign(json(''), { body: new Blob([text]).stream(), duplex: 'half' });
    for (const init of [json, stream]) {
      expect((await send('/v1/echo', init(bodyOf(bodyLimit)))).status).toBe(200);
      const response = await send('/v1/echo', init(bodyOf(bodyLimit + 1)));
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    }
  });

  it.each([true, false])(
    'past the limit gets its response while 9 MiB are being sent (chunked: %s)',
    async (chunked) => {
      expect(await upload('/v1/echo', big, chunked)).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
    },
  );

  it.each([true, false])(
    'of a request that the gate refuses is not read: 9 MiB get 401 (chunked: %s)',
    async (chunked) => {
      const before = process.memoryUsage().arrayBuffers;
      const answer = await upload('/v1/private', big, chunked);
      expect(answer).toMatchObject({ status: 401, code: 'TOKEN_REQUIRED' });
      expect(answer.ms).toBeLessThan(1000);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(big);
    },
  );

  it('is refused before it is sent if Content-Length exceeds the limit', async () => {
    const answer = await conversation(
      `POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bodyLimit + 1}\r\n\r\n`,
      /"code":"PAYLOAD_TOO_LARGE"/,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('left unread does not break the connection', async () => {
    const body = 'x'.repeat(1000);
    const answer = await conversation(
      `POST /v1/private HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n${body}` +
        'GET /v1/text/next HTTP/1.1\r\nhost: x\r\n\r\n',
      /next$/,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 [^]*HTTP\/1\.1 200 OK/);
  });
});

describe('the media type of a body', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'Application/JSON; charset="utf-8"',
  ])('may be %s', async (type) => {
    expect((await send('/v1/echo', { method: 'POST', headers: { 'content-type': type }, body: '{}' })).status).toBe(
      200,
    );
  });

  it.each([
    'application/json\ta',
    'application/json a',
    'application/json;charset=latin1',
    'application/json; charset=utf-8; x=y',
    'application/json;',
    'application/jsonp',
    'application/problem+json',
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json, application/json',
    '',
  ])('may not be %j', async (type) => {
    const answer = await conversation(
      `POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\n{}`,
      /}$/,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 415 /);
    expect(answer).toContain('"code":"UNSUPPORTED_MEDIA_TYPE"');
    expect(answer).toContain('application/problem+json');
  });

  it('is required with a body', async () => {
    for (const framing of ['content-length: 2\r\n\r\n{}', 'transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n']) {
      const answer = await conversation(`POST /v1/echo HTTP/1.1\r\nhost: x\r\n${framing}`, /}$/);
      expect(answer).toMatch(/^HTTP\/1\.1 415 /);
    }
  });

  it('is optional without a body', async () => {
    for (const framing of ['\r\n', 'content-length: 0\r\n\r\n', 'transfer-encoding: chunked\r\n\r\n0\r\n\r\n']) {
      const answer = await conversation(`POST /v1/echo HTTP/1.1\r\nhost: x\r\n${framing}`, /}$/);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect((await send('/v1/echo/x', { headers: { 'content-type': 'text/plain' } })).status).toBe(200);
  });

  it.each([
    ['gzip', 415],
    ['br', 415],
    ['identity', 200],
  ])('with content-encoding %s is %i', async (encoding, status) => {
    const response = await send('/v1/echo', json({}, { headers: { 'content-encoding': encoding } }));
    expect(response.status).toBe(status);
  });

  it('is checked after the gate', async () => {
    const response = await send('/v1/private', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x',
    });
    expect(response.status).toBe(401);
  });
});

describe('the text of a body', () => {
  it.each([
    ['arrays', '['],
    ['objects', '{"nested":'],
  ])('with 5,000 nested %s is refused at once', async (_, open) => {
    const began = performance.now();
    const response = await send('/v1/echo', json(open.repeat(5000)));
    expect(response.status).toBe(400);
    expect(performance.now() - began).toBeLessThan(500);
    expect(await response.json()).toMatchObject({
      errors: [{ field: '$body', description: 'Nested more than 100 deep.', reason: 'TOO_DEEP' }],
    });
  });

  it('must be UTF-8', async () => {
    const response = await send('/v1/echo', {
      ...json(''),
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: 'Not valid UTF-8.' });
  });

  it('must not have duplicate names', async () => {
    expect((await send('/v1/echo', json('{"text":"a","text":"b"}'))).status).toBe(400);
    expect((await send('/v1/echo', json('{"nested":{"label":"a","label":"b"}}'))).status).toBe(400);
  });
});

describe('a slow body', () => {
  it('gets the timeout response, then its connection is closed', async () => {
    const slow = await openEchoDoor({ rest: { timeoutMs: 200 } });
    try {
      const answer = await conversation(
        'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
        /"code":"DEADLINE_EXCEEDED"/,
        slow.port,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 504 /);
      expect(slow.handled()).toBe(0);
    } finally {
      await slow.close();
    }
  });

  it('that is aborted does not reach the handler', async () => {
    const before = door.handled();
    const calls = door.calls.length;
    const socket = connect(door.port, '127.0.0.1');
    socket.write(
      'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}',
    );
    await expect.poll(() => door.calls.length).toBe(calls + 1);
    const { signal } = door.calls.at(-1)!;
    socket.destroy();
    await expect.poll(() => signal.aborted).toBe(true);
    await sleep(20);
    expect(door.handled()).toBe(before);
  });
});

/** Sends bytes and returns the response once it matches. Fails if the server closes before. */
function conversation(bytes: string, until: RegExp, port = door.port): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('error', reject).on('close', () => reject(new Error(`closed after: ${answer}`)));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (!until.test(answer)) return;
      resolve(answer);
      socket.destroy();
    });
  });
}
