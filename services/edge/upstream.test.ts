import { createClient } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { identityKey } from '#kit/guard/connect.ts';
import { type Gate, mount } from '#kit/call/app.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { createService } from '#kit/service/stack.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { forward } from './upstream.ts';

/** A guard that admits every caller. */
const admit: Gate = async ({ values }) => void values.set(identityKey, {});
const common = { checks: [admit], ready: async () => undefined, reflection: false, log: silentLog, metrics: noMetrics };

/** A service and the edge in front of it. */
const behind = createService({
  ...common,
  mounted: [
    mount(EchoService, {
      echo({ text, fail }, { requestHeader, responseHeader }) {
        if (text === 'strangers') throw failure('CALLER_NOT_ALLOWED');
        const set = new Headers({ 'x-inner': 'not for outsiders' });
        if (text === 'cookies') {
          for (const name of ['preferences', 'signet_rt', 'preferences2'])
            set.append('set-cookie', `${name}=dark; Path=/`);
        }
        if (fail > 0) {
          throw testFailure('TEXT_TAKEN', {
            fields: [{ field: 'text', description: 'is taken', reason: 'TAKEN' }],
            retryAfter: 3,
            headers: set,
          });
        }
        responseHeader.set('etag', '"1"');
        for (const [name, value] of set) responseHeader.append(name, value);
        return { text, seen: Object.fromEntries(requestHeader) };
      },
      private: ({ text }, { requestHeader }) => ({ text, seen: Object.fromEntries(requestHeader) }),
      async create({ text, wait }) {
        await new Promise((resolve) => setTimeout(resolve, wait).unref());
        return { text };
      },
      inside: () => ({ text: 'inside' }),
      async *count({ to, failAfter }) {
        for (let number = 1; number <= to; number++) {
          if (number > failAfter && failAfter > 0) throw testFailure('TEXT_TAKEN');
          yield { number };
        }
      },
      async sum(requests) {
        let total = 0;
        for await (const { number } of requests) total += number;
        return { total };
      },
      async *chat(requests) {
        for await (const { text } of requests) yield { text: `${text}!` };
      },
    }),
  ],
});
const upstream = { desc: EchoService, transport: createInProcessTransport(behind) };
const edge = createService({ ...common, mounted: [forward(upstream, { secure: false })] });
const client = createClient(EchoService, createInProcessTransport(edge));

async function* each<T>(...items: T[]): AsyncIterable<T> {
  yield* items;
}

test('forwards a unary call with only the headers and cookies that its definition names', async () => {
  const cookie = 'signet_rt=token; signet_at=access; preferences=dark; theirs=1';
  const headers = {
    'accept-language': 'de',
    'idempotency-key': 'k',
    'x-csrf-token': 'csrf',
    cookie,
    'x-anything': 'else',
  };
  const { text, seen } = await client.echo({ text: 'hi' }, { headers });
  expect(text).toBe('hi');
  expect(seen).toMatchObject({
    'accept-language': 'de',
    'idempotency-key': 'k',
    cookie: 'signet_rt=token; preferences=dark',
  });
  expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['x-anything']));
  expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['x-csrf-token']));
});

test('forwards no header or cookie to a method that names none', async () => {
  const headers = { 'accept-language': 'de', cookie: 'signet_rt=token' };
  const { seen } = await client.private({ text: 'hi' }, { headers });
  expect(Object.keys(seen)).not.toContain('cookie');
  expect(Object.keys(seen)).not.toContain('accept-language');
});

test('reads a cookie under its __Host- name over TLS', async () => {
  const overTls = createService({ ...common, mounted: [forward(upstream, { secure: true })] });
  const headers = { cookie: 'signet_rt=planted; __Host-signet_rt=token' };
  const { seen } = await createClient(EchoService, createInProcessTransport(overTls)).echo({}, { headers });
  expect(seen['cookie']).toBe('__Host-signet_rt=token');
});

test('returns only the cookies that a method may set, with a response and with an error', async () => {
  let back = new Headers();
  await client.echo({ text: 'cookies' }, { onHeader: (header) => (back = header) });
  expect(back.getSetCookie()).toEqual(['preferences=dark; Path=/']);
  const failed = await client.echo({ text: 'cookies', fail: 6 }).catch((error: unknown) => error);
  expect((failed as { metadata: Headers }).metadata.getSetCookie()).toEqual(['preferences=dark; Path=/']);
});

test('applies the timeout of the method', async () => {
  const failed = await client.create({ wait: 20_000 }).catch((error: unknown) => error);
  expect(reasonOf(failed)).toBe('DEADLINE_EXCEEDED');
});

test('returns only the allowed response headers', async () => {
  let back = new Headers();
  await client.echo({ text: 'hi' }, { onHeader: (header) => (back = header) });
  expect([back.get('etag'), back.get('x-inner')]).toEqual(['"1"', null]);
});

test('passes on the reason, fields and Retry-After of an error, and no other headers', async () => {
  const failed = await client.echo({ fail: 6 }).catch((error: unknown) => error);
  expect(reasonOf(failed)).toBe('TEXT_TAKEN');
  expect(failed).toMatchObject({ rawMessage: 'The text is taken.' });
  const { metadata } = failed as { metadata: Headers };
  expect([metadata.get('retry-after'), metadata.get('x-inner')]).toEqual(['3', null]);
  expect(violationsOf(failed as never)).toEqual([{ field: 'text', description: 'is taken', reason: 'TAKEN' }]);
});

test('returns unavailable if a service rejects the edge itself', async () => {
  const failed = await client.echo({ text: 'strangers' }).catch((error: unknown) => error);
  expect(reasonOf(failed)).toBe('SERVICE_UNAVAILABLE');
  expect((failed as { metadata: Headers }).metadata.get('retry-after')).toBe('1');
});

test('forwards client, server and bidirectional streams', async () => {
  const numbers: number[] = [];
  for await (const { number } of client.count({ to: 3 })) numbers.push(number);
  expect(numbers).toEqual([1, 2, 3]);
  expect((await client.sum(each({ number: 1 }, { number: 2 }))).total).toBe(3);
  const words: string[] = [];
  for await (const { text } of client.chat(each({ text: 'a' }, { text: 'b' }))) words.push(text);
  expect(words).toEqual(['a!', 'b!']);
});

test('forwards the messages of a stream before its error', async () => {
  const numbers: number[] = [];
  const read = async () => {
    for await (const { number } of client.count({ to: 5, failAfter: 2 })) numbers.push(number);
  };
  expect(reasonOf(await read().catch((error: unknown) => error))).toBe('TEXT_TAKEN');
  expect(numbers).toEqual([1, 2]);
});

test('does not expose internal methods', async () => {
  expect(reasonOf(await client.inside({}).catch((error: unknown) => error))).toBe('UNIMPLEMENTED');
});
