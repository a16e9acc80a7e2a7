import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { type EchoDoor, openEchoDoor } from './testing/echo-door.ts';

let door: EchoDoor;
/** Number of messages that the endless stream has sent. */
let made = 0;
beforeAll(async () => {
  door = await openEchoDoor({
    rest: { heartbeatMs: 60, openMs: 100, timeoutMs: 150 },
    gate: async (context) => {
      context.responseHeader.set('x-request-id', 'r-1');
      if (context.requestHeader.has('x-refuse')) throw failure('INSUFFICIENT_SCOPE');
      if (context.requestHeader.has('x-hang')) await new Promise(() => undefined);
    },
    impl: {
      async *count(request, context) {
        context.responseHeader.set('x-stream', 'yes');
        if (request.to === 0) {
          await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
          return;
        }
        for (let number = 1; number <= request.to; number += 1) {
          if (request.failAfter > 0 && number > request.failAfter) throw new Error('the secret reason');
          if (request.every > 0) await sleep(request.every, undefined, { signal: context.signal });
          made = number;
          yield { number };
        }
      },
    },
  });
});
afterAll(() => door.close());

const read = async (path: string, init?: RequestInit) => {
  const response = await fetch(door.url + path, init);
  return { response, text: await response.text() };
};

/** Opens a stream, which the test reads. */
function open(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(door.url + path, resolve).on('error', reject));
}

describe('a server stream on REST', () => {
  it('is an event stream with data and sequential ids', async () => {
    const { response, text } = await read('/v1/count/2:watch');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('x-stream')).toBe('yes');
    expect(text).toBe('id: 1\ndata: {"number":1}\n\nid: 2\ndata: {"number":2}\n\n');
  });

  it('has no timeout, and sends heartbeats while silent', async () => {
    const { text } = await read('/v1/count/2:watch?every=200');
    expect(text.match(/^: alive$/gm)?.length).toBeGreaterThan(1);
    expect(text).toContain('id: 2\ndata: {"number":2}\n\n');
  });

  it('that fails before its first message is an error response', async () => {
    const refused = await read('/v1/count/2:watch', { headers: { 'x-refuse': '1' } });
    expect(refused.response.status).toBe(403);
    expect(refused.response.headers.get('content-type')).toBe('application/problem+json');
    const badPath = await read('/v1/count/x:watch');
    expect(badPath.response.status).toBe(400);
    const failing = await read('/v1/count/2:watch?fail_after=-1&nope=1');
    expect(failing.response.status).toBe(400);
  });

  it('that fails midway ends in an error event with the masked problem', async () => {
    const { response, text } = await read('/v1/count/3:watch?fail_after=1');
    expect(response.status).toBe(200);
    expect(text).not.toContain('secret');
    const event = /\n\nevent: error\ndata: (.*)\n\n$/.exec(text)?.[1] ?? '';
    expect(JSON.parse(event)).toMatchObject({
      code: 'INTERNAL',
      status: 500,
      request_id: 'r-1',
      instance: '/v1/count/3:watch',
    });
  });

  it('has a timeout until its handler starts', async () => {
    const { response, text } = await read('/v1/count/2:watch', { headers: { 'x-hang': '1' } });
    expect(response.status).toBe(504);
    expect(text).toContain('"code":"DEADLINE_EXCEEDED"');
  });

  it('opens before its first message, and is cancelled when the client disconnects', async () => {
    const stream = await open('/v1/count/0:watch');
    expect(stream.statusCode).toBe(200);
    const { signal } = door.calls.at(-1)!;
    await new Promise((resolve) => stream.once('data', resolve));
    expect(signal.aborted).toBe(false);
    stream.destroy();
    await expect.poll(() => signal.aborted).toBe(true);
  });

  it('stops reading from the handler while the client does not read', async () => {
    made = 0;
    const stream = await open('/v1/count/100000:watch');
    stream.pause();
    const before = await settled(() => made);
    expect(before).toBeLessThan(100_000);
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(text).toMatch(/id: 100000\ndata: \{"number":100000\}\n\n$/);
    expect(made).toBe(100_000);
  });

  it('answers HEAD with its headers and cancels the call', async () => {
    const { response, text } = await read('/v1/count/2:watch?every=10', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(text).toBe('');
    expect(door.calls.at(-1)?.signal.aborted).toBe(true);
  });

  it('ends with an error event when the server closes', async () => {
    const other = await openEchoDoor({
      rest: { openMs: 10 },
      impl: {
        count: async function* wait(_, context) {
          await new Promise((_resolve, reject) =>
            context.signal.addEventListener('abort', () => reject(context.signal.reason)),
          );
          yield { number: 1 };
        },
      },
    });
    const response = await fetch(`${other.url}/v1/count/1:watch`);
    const closing = other.close();
    expect(await response.text()).toContain('"code":"SERVICE_UNAVAILABLE"');
    await closing;
  });
});

/** Returns the value once it has stopped changing. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1; ;) {
    await sleep(100);
    if (value() === last) return last;
    last = value();
  }
}
