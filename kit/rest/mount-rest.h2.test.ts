import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { type EchoDoor, openEchoDoor } from './testing/echo-door.ts';

let door: EchoDoor;
let session: ClientHttp2Session;
beforeAll(async () => {
  door = await openEchoDoor({
    http2: true,
    gate: async (context) => {
      if (context.method.name === 'Private') throw failure('TOKEN_REQUIRED');
    },
  });
  session = connect(door.url);
});
afterAll(async () => {
  session.close();
  await door.close();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(
  method: string,
  path: string,
  body?: Buffer | string,
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      {
        ':method': method,
        ':path': path,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      { endStream: body === undefined },
    );
    let status = 0;
    let text = '';
    stream.on('response', (head) => (status = head[':status'] ?? 0));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.on('end', () => resolve({ status, text }));
    stream.on('error', (error) => (status === 0 ? reject(error) : undefined));
    if (body !== undefined) stream.end(body);
  });
}

describe('REST on HTTP/2', () => {
  it('serves calls with and without a body', async () => {
    expect(await send('POST', '/v1/echo', '{"text":"hi"}')).toMatchObject({
      status: 200,
      text: expect.stringContaining('"hi"'),
    });
    expect(await send('POST', '/v1/echo')).toMatchObject({ status: 200 });
    expect(await send('GET', '/v1/echo/x')).toMatchObject({ status: 200 });
    expect(await send('DELETE', '/v1/things/x')).toEqual({ status: 204, text: '' });
  });

  it('hides pseudo-headers from handlers', async () => {
    await send('GET', '/v1/echo/x', undefined, { 'x-mine': '1' });
    const names = [...door.calls.at(-1)!.requestHeader.keys()];
    expect(names).toContain('x-mine');
    expect(names.filter((name) => name.startsWith(':'))).toEqual([]);
    expect(door.calls.at(-1)?.url).toBe(`${door.url}/v1/echo/x`);
  });

  it('responds to a body of 9 MiB that is refused, and keeps the connection', async () => {
    const big = Buffer.alloc(9 * 1024 * 1024, 'x');
    expect(await send('POST', '/v1/private', big)).toMatchObject({
      status: 401,
      text: expect.stringContaining('TOKEN_REQUIRED'),
    });
    expect(await send('POST', '/v1/echo', big)).toMatchObject({
      status: 413,
      text: expect.stringContaining('PAYLOAD_TOO_LARGE'),
    });
    expect(await send('POST', '/v1/echo', '{"text":"still here"}')).toMatchObject({ status: 200 });
  });

  it('refuses a body without a media type', async () => {
    const answer = await send('POST', '/v1/echo', '{}', { 'content-type': [] });
    expect(answer.status).toBe(415);
  });

  it('responds to a wrong method and an unknown path', async () => {
    expect(await send('PUT', '/v1/echo')).toMatchObject({ status: 405 });
    expect(await send('GET', '/v1/nope')).toMatchObject({
      status: 404,
      text: expect.stringContaining('"code":"NOT_FOUND"'),
    });
  });

  it('streams events, and cancels the call when the stream is closed', async () => {
    expect((await send('GET', '/v1/count/2:watch')).text).toBe(
      'id: 1\ndata: {"number":1}\n\nid: 2\ndata: {"number":2}\n\n',
    );
    const stream = session.request({ ':path': '/v1/count/100000:watch?every=5' });
    await new Promise((resolve) => stream.once('data', resolve));
    const { signal } = door.calls.at(-1)!;
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => signal.aborted).toBe(true);
  });
});
