import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import {
  RevocationSchema,
  RevocationService,
  type WatchResponse,
} from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRpcApp, mount } from '#kit/call/app.ts';
import { watchRevocations } from '#kit/guard/revocation-feed.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { serveGrpc } from '#kit/transport/grpc-server.ts';
import { createRevocationLog } from './log.ts';
import { revocationHandler } from './watch.ts';
import { createLocalRevocations, type LocalRevocations, type SequencedRevocation } from '../rules.ts';

/** A snapshot of 100 messages: more than a connection and its two ends buffer. */
const size = 200_000;
let rows: SequencedRevocation[] = [];
let known: LocalRevocations;

/** A replica that has read so many revocations. */
async function openReplica(count: number): Promise<void> {
  rows = [];
  write(count);
  const store = {
    head: async () => ({ history: 'h', sequence: BigInt(rows.length), lastId: String(rows.length) }),
    idAt: async (at: bigint) => rows[Number(at) - 1]?.id,
    after: async (at: bigint, limit: number) => rows.slice(Number(at), Number(at) + limit),
  };
  known = createLocalRevocations(store, { now: Date.now, skew: () => 0 }, createRevocationLog);
  await known.ready();
  // As the service does: a replica that has not read its table for some seconds is not current.
  const poll = setInterval(() => void known.pull(), 500);
  onTestFinished(() => clearInterval(poll));
}
afterEach(() => known.close());

function write(count: number): void {
  const expiresAt = Math.floor(Date.now() / 1_000) + 3_610;
  for (let left = count; left > 0; left--) {
    const number = rows.length + 1;
    const target = { case: 'sessionId' as const, value: String(number) };
    rows.push({
      sequence: BigInt(number),
      id: String(number),
      revocation: create(RevocationSchema, { target, expiresAt }),
    });
  }
}

/** A port that serves the revocations. `read` counts the pages that its watchers have read, and `open` its watchers. */
async function serve() {
  const server = { read: 0, open: 0 };
  const counted: LocalRevocations = Object.create(known, {
    after: {
      value(sequence: bigint) {
        server.read += 1;
        return known.after(sequence);
      },
    },
  });
  const { watch } = revocationHandler(counted, new AbortController().signal, Date.now);
  const app = createRpcApp({
    mounted: [
      mount(RevocationService, {
        async *watch(request, context) {
          server.open += 1;
          try {
            yield* watch(request, context);
          } finally {
            server.open -= 1;
          }
        },
      }),
    ],
    gate: async () => undefined,
  });
  const { port, close } = await serveGrpc(app, { port: 0, host: '127.0.0.1' });
  const transport = createGrpcTransport(`127.0.0.1:${port}`, [RevocationService]);
  onTestFinished(async () => {
    transport.close();
    await close(0);
  });
  return { server, transport, client: createClient(RevocationService, transport) };
}

/** The numbers in the messages, until there are so many. */
async function numbersIn(messages: AsyncIterable<WatchResponse>, count: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { revocations } of messages) {
    for (const { target } of revocations) numbers.push(Number(target.value));
    if (numbers.length >= count) break;
  }
  return numbers;
}
const all = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test('ten snapshots at once, while more is revoked: each watcher gets each revocation once and in order', async () => {
  await openReplica(40_000);
  const { client, server } = await serve();
  const last = 40_300;
  const watchers = Promise.all(Array.from({ length: 10 }, () => numbersIn(client.watch({}), last)));
  for (let round = 0; round < 30; round++) {
    const before = server.read;
    // A watcher reads on between two writes: these fall into the snapshots.
    await expect.poll(() => server.read, { interval: 1 }).toBeGreaterThan(before);
    write(10);
    await known.pull();
  }
  for (const numbers of await watchers) expect(numbers).toEqual(all(last));
});

test('a watcher that does not read holds up no other one, and its snapshot waits for it without being read ahead', async () => {
  await openReplica(size);
  const [slow, fast] = [await serve(), await serve()];
  const stream = slow.client.watch({})[Symbol.asyncIterator]();
  const { value: first } = await stream.next();
  expect(await numbersIn(fast.client.watch({}), size)).toEqual(all(size));
  expect(fast.server.read).toBeGreaterThanOrEqual(100);
  expect(slow.server.read, 'what the connection and its ends buffer').toBeLessThan(60);
  write(1);
  await known.pull();
  const rest = await numbersIn({ [Symbol.asyncIterator]: () => stream }, size + 1 - first.revocations.length);
  expect(first.revocations.length + rest.length).toBe(size + 1);
  expect(rest).toEqual(all(size + 1).slice(first.revocations.length));
});

test('a watcher that leaves within its snapshot ends it', async () => {
  await openReplica(size);
  const { client, server } = await serve();
  const leaving = new AbortController();
  const { value: first } = await client.watch({}, { signal: leaving.signal })[Symbol.asyncIterator]().next();
  expect([first.current, server.open]).toEqual([false, 1]);
  leaving.abort();
  await expect.poll(() => server.open).toBe(0);
  expect(server.read).toBeLessThan(60);
});

test('a feed that is cut within its snapshot resumes behind the last message that it has', async () => {
  await openReplica(size);
  const { client, transport } = await serve();
  let position = { history: '', sequence: '0', lastId: '' };
  let received = 0;
  for await (const { history, sequence, lastId, revocations } of client.watch({})) {
    position = { history, sequence, lastId };
    received += revocations.length;
    if (received >= size / 2) break;
  }
  const rest = await numbersIn(client.watch(position), size - received);
  expect(rest).toEqual(all(size).slice(received));
  const feed = watchRevocations({ transport });
  onTestFinished(() => feed.close());
  await feed.ready();
  expect(feed.size).toBe(size);
});
