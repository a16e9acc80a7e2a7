import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import {
  RevocationService,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createGuard } from './guard.ts';
import { localJwks } from './jwks.ts';
import { type RevocationFeed, watchRevocations } from './revocation-feed.ts';
import { refusalReasonOf } from './error.ts';
import { failure } from '../testing/auth-server.ts';
import { createTestIssuer } from '../testing/tokens.ts';

/** An auth service controlled by the test. */
function makeSource() {
  const asked: WatchRequest[] = [];
  let queue: WatchResponse[] = [];
  let wake = Promise.withResolvers<void>();
  let cut = false;
  function rouse(): void {
    wake.resolve();
    wake = Promise.withResolvers();
  }
  const transport = createRouterTransport(({ service }) => {
    service(RevocationService, {
      async *watch(request, { signal }) {
        if (cut) throw new Error('away');
        asked.push(request);
        signal.addEventListener('abort', rouse);
        for (;;) {
          while (queue.length > 0) yield queue.shift()!;
          await wake.promise;
          if (signal.aborted || cut) throw new Error('cut');
        }
      },
    });
  });
  return {
    transport,
    asked,
    say(sequence: number, more: { sessions?: string[]; current?: boolean; reset?: boolean; lastId?: string } = {}) {
      const { sessions = [], current = true, reset = false, lastId = `entry ${sequence}` } = more;
      const at = Math.floor(Date.now() / 1_000);
      const revocations = sessions.map((value) => ({
        target: { case: 'sessionId' as const, value },
        revokedAt: at,
        expiresAt: at + 3_610,
      }));
      queue.push(
        create(WatchResponseSchema, { history: 'h', sequence: String(sequence), lastId, reset, current, revocations }),
      );
      rouse();
    },
    cut(value: boolean) {
      cut = value;
      queue = [];
      rouse();
    },
  };
}

let feed: RevocationFeed;
afterEach(() => feed.close());
const token = (sid: string) => ({
  sub: 'ada',
  sid,
  jti: 'token',
  kid: 'key',
  roles: [],
  iat: Math.floor(Date.now() / 1_000),
});
const poll = (what: () => unknown) => expect.poll(what, { interval: 5 });

test('is ready once all revocations are loaded', async () => {
  const source = makeSource();
  feed = watchRevocations({ transport: source.transport });
  source.say(1, { sessions: ['one'], current: false });
  await poll(() => feed.isRevoked(token('one'))).toBe(true);
  expect([feed.isReady(), feed.age()]).toEqual([false, Infinity]);
  source.say(2, { sessions: ['two'] });
  await feed.ready();
  expect([feed.isReady(), feed.isRevoked(token('two')), feed.size]).toEqual([true, true, 2]);
});

test('keeps its data while disconnected; then resumes at its position and is ready once it has caught up', async () => {
  const source = makeSource();
  feed = watchRevocations({ transport: source.transport, backoff: [5, 10] });
  source.say(7, { sessions: ['one'] });
  await feed.ready();
  source.cut(true);
  expect([feed.isReady(), feed.isRevoked(token('one'))]).toEqual([true, true]);
  source.cut(false);
  await poll(() => source.asked.length).toBeGreaterThan(1);
  expect(source.asked.at(-1)).toMatchObject({ history: 'h', sequence: '7', lastId: 'entry 7' });
  source.say(8, { sessions: ['two'], current: false });
  await poll(() => feed.isRevoked(token('two'))).toBe(true);
  expect(feed.isReady(), 'the data is not complete yet').toBe(false);
  source.say(9);
  await poll(() => feed.isReady()).toBe(true);
});

test('reopens a silent stream', async () => {
  const source = makeSource();
  feed = watchRevocations({ transport: source.transport, silence: 50, backoff: [5, 10] });
  source.say(1);
  await feed.ready();
  await poll(() => source.asked.length).toBeGreaterThan(2);
  expect(feed.isReady(), 'it keeps its data').toBe(true);
});

test('keeps its entries on a reset until they expire', async () => {
  const source = makeSource();
  feed = watchRevocations({ transport: source.transport });
  source.say(5, { sessions: ['one', 'both'] });
  await feed.ready();
  source.say(1, { sessions: ['two'], reset: true, current: false });
  await poll(() => feed.isRevoked(token('two'))).toBe(true);
  expect([feed.isRevoked(token('one')), feed.isRevoked(token('both'))], 'the data is not complete yet').toEqual([
    true,
    true,
  ]);
  expect(feed.isReady()).toBe(false);
  source.say(2, { sessions: ['both'] });
  await poll(() => feed.isReady()).toBe(true);
  const known = ['one', 'two', 'both'].map((sid) => feed.isRevoked(token(sid)));
  expect([...known, feed.size]).toEqual([true, true, true, 3]);
});

test('reports the cause while the stream is down', async () => {
  const source = makeSource();
  source.cut(true);
  feed = watchRevocations({ transport: source.transport, backoff: [5, 10] });
  await poll(() => feed.trouble()).toMatchObject({ need: 'revocations' });
  source.cut(false);
  source.say(1);
  await poll(() => feed.isReady()).toBe(true);
  expect(feed.trouble()).toBeUndefined();
});

test.each([
  ['INVALID_CLIENT', 'does not know'],
  ['CALLER_NOT_ALLOWED', 'not treat this service as part of the fleet'],
] as const)('reports service_key as missing on %s', async (reason, words) => {
  const refusing = createRouterTransport(({ service }) => {
    service(RevocationService, {
      // oxlint-disable-next-line require-yield -- it throws before the first message
      async *watch() {
        throw failure(reason);
      },
    });
  });
  feed = watchRevocations({ transport: refusing, backoff: [5, 10] });
  await poll(() => feed.trouble()).toEqual({ need: 'service_key', why: expect.stringContaining(words) });
});

test.each<[object, string]>([
  [{ transport: {} }, 'transport'],
  [{ silence: Number.NaN }, 'silence'],
  [{ silence: 0 }, 'silence'],
  [{ backoff: [10, 5] }, 'backoff'],
  [{ backoff: [0, 5] }, 'backoff'],
  [{ backof: [1, 5] }, 'unknown: backof'],
])('throws on %j', (wrong, message) => {
  const { transport } = makeSource();
  expect(() => (feed = watchRevocations({ transport, ...wrong }))).toThrow(message);
});

test('refuses a method with max_staleness while disconnected', async () => {
  const source = makeSource();
  let time = 0;
  feed = watchRevocations({ transport: source.transport, backoff: [5, 10], clock: () => time });
  const issuer = await createTestIssuer();
  const keys = localJwks(async () => issuer.jwks());
  const options = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'] as const };
  const guard = createGuard({ ...options, keys, revocations: feed });
  source.say(1);
  await guard.ready();
  const headers = new Headers({ authorization: `Bearer ${await issuer.userToken()}` });
  const strict = { maxStaleness: 2 };
  const asked = (rule: object) =>
    guard.check(rule, headers).then(
      () => 'admitted',
      (error: unknown) => refusalReasonOf(error),
    );
  expect(await asked(strict)).toBe('admitted');
  source.cut(true);
  time = 2_001;
  expect(await asked(strict)).toBe('REVOCATIONS_STALE');
  expect(await asked({}), 'without max_staleness, the guard keeps using its data').toBe('admitted');
  source.cut(false);
  source.say(2);
  await poll(() => asked(strict)).toBe('admitted');
  guard.close();
});
