import { createClient } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { identityKey } from '#kit/guard/connect.ts';
import { type Gate, mount } from '#kit/rpc/app.ts';
import { createInProcessTransport } from '#kit/rpc/in-process.ts';
import { createService } from '#kit/rpc/stack.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { forward } from './upstream.ts';

/** Stands for a guard that admits everybody. */
const admit: Gate = async ({ values }) => void values.set(identityKey, {});
const common = { checks: [admit], ready: async () => undefined, reflection: false, log: silentLog, metrics: noMetrics };

/** A service, and the edge's way to it. */
const behind = createService({
  ...common,
  mounted: [
    mount(EchoService, {
      echo({ text, fail }, { requestHeader, responseHeader }) {
        if (text === 'strangers') throw failure('CALLER_NOT_ALLOWED');
        if (fail > 0) {
          const headers = { 'x-inner': 'not for outsiders' };
          throw testFailure('TEXT_TAKEN', {
            fields: [{ field: 'text', description: 'is taken' }],
            retryAfter: 3,
            headers,
          });
        }
        responseHeader.set('etag', '"1"');
        responseHeader.set('x-inner', 'not for outsiders');
        return { text, seen: Object.fromEntries(requestHeader) };
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
const edge = createService({ ...common, mounted: [forward(upstream, () => 'signet_rt=token')] });
const client = createClient(EchoService, createInProcessTransport(edge));

async function* each<T>(...items: T[]): AsyncIterable<T> {
  yield* items;
}

test('passes a unary call on, with the headers that are for the service and none else', async () => {
  const headers = { 'accept-language': 'de', 'x-csrf-token': 'csrf', cookie: 'theirs=1', 'x-anything': 'else' };
  const { text, seen } = await client.echo({ text: 'hi' }, { headers });
  expect(text).toBe('hi');
  expect(seen).toMatchObject({ 'accept-language': 'de', 'x-csrf-token': 'csrf', cookie: 'signet_rt=token' });
  expect(seen).not.toHaveProperty('x-anything');
});

test('passes back the headers that are for callers and none else', async () => {
  let back = new Headers();
  await client.echo({ text: 'hi' }, { onHeader: (header) => (back = header) });
  expect([back.get('etag'), back.get('x-inner')]).toEqual(['"1"', null]);
});

test('passes an error on with its reason, its fields and when to come back, and none of its other headers', async () => {
  const failed = await client.echo({ fail: 6 }).catch((error: unknown) => error);
  expect(reasonOf(failed)).toBe('TEXT_TAKEN');
  expect(failed).toMatchObject({ rawMessage: 'The text is taken.' });
  const { metadata } = failed as { metadata: Headers };
  expect([metadata.get('retry-after'), metadata.get('x-inner')]).toEqual(['3', null]);
  expect(violationsOf(failed as never)).toEqual([{ field: 'text', description: 'is taken' }]);
});

test('a service that refuses the edge itself is unavailable: whoever asked did nothing that is forbidden', async () => {
  const failed = await client.echo({ text: 'strangers' }).catch((error: unknown) => error);
  expect(reasonOf(failed)).toBe('SERVICE_UNAVAILABLE');
  expect((failed as { metadata: Headers }).metadata.get('retry-after')).toBe('1');
});

test('passes streams on, in each direction and in both', async () => {
  const numbers: number[] = [];
  for await (const { number } of client.count({ to: 3 })) numbers.push(number);
  expect(numbers).toEqual([1, 2, 3]);
  expect((await client.sum(each({ number: 1 }, { number: 2 }))).total).toBe(3);
  const words: string[] = [];
  for await (const { text } of client.chat(each({ text: 'a' }, { text: 'b' }))) words.push(text);
  expect(words).toEqual(['a!', 'b!']);
});

test('passes on what came of a stream before its error', async () => {
  const numbers: number[] = [];
  const read = async () => {
    for await (const { number } of client.count({ to: 5, failAfter: 2 })) numbers.push(number);
  };
  expect(reasonOf(await read().catch((error: unknown) => error))).toBe('TEXT_TAKEN');
  expect(numbers).toEqual([1, 2]);
});

test('has no way to what is internal', async () => {
  expect(reasonOf(await client.inside({}).catch((error: unknown) => error))).toBe('UNIMPLEMENTED');
});
