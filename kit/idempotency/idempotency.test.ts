import { toBinary } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { httpStatusOf, infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { detailOf } from '#kit/guard/error.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { contextOf, type KeyDatabase, method, openKeyDatabase, requestOf } from './testing/rig.ts';

let shop: KeyDatabase;
beforeAll(async () => {
  shop = await openKeyDatabase();
});
afterAll(() => shop.close());

const replayed = (header: Headers) => header.get('idempotent-replayed');

/** Runs a request; `acts` counts the runs. */
function caller(userId = randomUUID(), key: string | undefined = randomUUID()) {
  const ids: string[] = [];
  return {
    userId,
    ids,
    async ask(
      text = 'a',
      act: (id: string) => Promise<{ text: string }> = async (id) => ({ text: `${id} ${ids.length}` }),
      signal?: AbortSignal,
    ) {
      const context = contextOf(userId, key, signal);
      const message = await shop.keys.once(method, requestOf(text), context, (id) => {
        ids.push(id);
        return act(id);
      });
      return { message, replayed: replayed(context.responseHeader) };
    },
  };
}

const rejection = (asked: Promise<unknown>): Promise<ConnectError> =>
  asked.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as ConnectError,
  );

test('without a key, every request is a new one and no row is written', async () => {
  const { userId } = caller();
  const before = await shop.count();
  const ids: string[] = [];
  for (let count = 0; count < 2; count++) {
    const context = contextOf(userId);
    await shop.keys.once(method, requestOf('a'), context, async (id) => {
      ids.push(id);
      return { text: id };
    });
    expect(replayed(context.responseHeader)).toBeNull();
  }
  expect(new Set(ids).size).toBe(2);
  expect(await shop.count()).toBe(before);
});

test('repeats the first response, byte for byte, with Idempotent-Replayed', async () => {
  const one = caller();
  const first = await one.ask('a', async (id) => ({ text: id, nested: { label: 'x', weight: 0.1 }, numbers: [1, 2] }));
  const second = await one.ask();
  expect(toBinary(method.output, second.message)).toEqual(toBinary(method.output, first.message));
  expect([first.replayed, second.replayed]).toEqual([null, 'true']);
  expect(one.ids).toEqual([first.message.text]);
});

test('also repeats an empty response', async () => {
  const one = caller();
  await one.ask('a', async () => ({ text: '' }));
  expect(await one.ask()).toMatchObject({ message: { text: '' }, replayed: 'true' });
});

test('50 requests at once run once, and 49 get the first response', async () => {
  const one = caller();
  const slow = async (id: string) => {
    await setTimeout(200);
    return { text: id };
  };
  const answers = await Promise.all(Array.from({ length: 50 }, () => one.ask('a', slow)));
  expect(one.ids).toHaveLength(1);
  expect(new Set(answers.map(({ message }) => message.text))).toEqual(new Set(one.ids));
  expect(answers.filter((answer) => answer.replayed === 'true')).toHaveLength(49);
});

test('rejects another request with the same key, also while the first is under way', async () => {
  const one = caller();
  const gate = Promise.withResolvers<void>();
  const first = one.ask('a', async (id) => {
    await gate.promise;
    return { text: id };
  });
  await expect.poll(() => one.ids.length).toBe(1);
  expect(reasonOf(await rejection(one.ask('b')))).toBe('IDEMPOTENCY_KEY_REUSED');
  gate.resolve();
  await first;
  const error = await rejection(one.ask('b'));
  expect(reasonOf(error)).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(httpStatusOf(error)).toBe(409);
  expect(one.ids).toHaveLength(1);
});

test('ignores unknown fields of a request', async () => {
  const userId = randomUUID();
  const plain = requestOf('a');
  const unknown = { ...requestOf('a'), $unknown: [{ no: 1_000, wireType: 0, data: new Uint8Array([1]) }] };
  const act = async (id: string) => ({ text: id });
  const first = await shop.keys.once(method, plain, contextOf(userId, 'k'), act);
  const context = contextOf(userId, 'k');
  expect(await shop.keys.once(method, unknown, context, act)).toEqual(first);
  expect(replayed(context.responseHeader)).toBe('true');
});

test('a key belongs to its user and to its method', async () => {
  const [one, other] = [caller(undefined, 'same'), caller(undefined, 'same')];
  await one.ask('a');
  await other.ask('b');
  const context = contextOf(one.userId, 'same');
  await shop.keys.once(EchoService.method.echo, requestOf('c'), context, async () => ({ text: 'of echo' }));
  expect([...one.ids, ...other.ids]).toHaveLength(2);
  expect(replayed(context.responseHeader)).toBeNull();
});

describe('the form of a key', () => {
  test.each([
    ['1', '!'],
    ['255', '~'.repeat(255)],
    ['a UUID', randomUUID()],
  ])('%s characters', async (_, key) => {
    expect((await caller(randomUUID(), key).ask()).replayed).toBeNull();
  });

  test.each([
    ['no characters', ''],
    ['256 characters', 'k'.repeat(256)],
    ['a space', 'a b'],
    ['a letter beyond ASCII', 'schlüssel'],
    ['a tab', 'a\tb'],
  ])('is not %s', async (_, key) => {
    const one = caller(randomUUID(), key);
    const error = await rejection(one.ask());
    expect(reasonOf(error)).toBe('INVALID_ARGUMENT');
    expect(violationsOf(error)).toMatchObject([{ field: 'Idempotency-Key' }]);
    expect(one.ids).toEqual([]);
  });

  test('is not two headers', async () => {
    const context = contextOf(randomUUID(), 'a');
    context.requestHeader.append('idempotency-key', 'b');
    const asked = shop.keys.once(method, requestOf('a'), context, async (id) => ({ text: id }));
    expect(reasonOf(await rejection(asked))).toBe('INVALID_ARGUMENT');
  });
});

describe('an error', () => {
  test.each(['CARD_DECLINED', 'TEXT_TAKEN'] as const)(
    '%s whose metadata names the resource is kept',
    async (reason) => {
      const one = caller();
      const refuse = async (id: string) => {
        throw testFailure(reason, {
          metadata: { order_id: id },
          detail: 'Because of a test.',
          fields: [{ field: 'text', description: 'is wrong', reason: 'WRONG' }],
        });
      };
      const first = await rejection(one.ask('a', refuse));
      const second = await rejection(one.ask('a'));
      for (const error of [first, second]) {
        expect(reasonOf(error)).toBe(reason);
        expect(httpStatusOf(error)).toBe(reason === 'CARD_DECLINED' ? 402 : 409);
        expect(metadataOf(infoOf(error))).toEqual({ order_id: one.ids[0] });
        expect(detailOf(error)).toBe('Because of a test.');
        expect(violationsOf(error)).toEqual([{ field: 'text', description: 'is wrong', reason: 'WRONG' }]);
      }
      expect(second.rawMessage).toBe(first.rawMessage);
      expect([replayed(first.metadata), replayed(second.metadata)]).toEqual([null, 'true']);
      expect(one.ids).toHaveLength(1);
    },
  );

  test.each([
    ['INVALID_ARGUMENT', () => failure('INVALID_ARGUMENT')],
    ['a 401', () => testFailure('LOGIN_OVER')],
    ['PERMISSION_DENIED', () => failure('PERMISSION_DENIED')],
    ['a 402 without a resource', () => testFailure('CARD_DECLINED')],
    ['a 409 of another resource', () => testFailure('TEXT_TAKEN', { metadata: { order_id: randomUUID() } })],
    ['a 429', () => testFailure('QUEUE_FULL', { retryAfter: 1 })],
  ])('%s frees the key for any request', async (_, error) => {
    const one = caller();
    const refuse = async () => {
      throw error();
    };
    expect(await rejection(one.ask('a', refuse))).not.toHaveProperty('metadata.idempotent-replayed');
    expect((await one.ask('b')).replayed).toBeNull();
    expect(new Set(one.ids).size).toBe(2);
  });

  test.each([
    ['SERVICE_UNAVAILABLE', () => failure('SERVICE_UNAVAILABLE')],
    ['INTERNAL', () => new TypeError('a bug')],
    ['DEADLINE_EXCEEDED', () => failure('DEADLINE_EXCEEDED')],
    ['CANCELLED', () => failure('CANCELLED')],
  ])('%s lets the same request run again, for the same resource', async (_, error) => {
    const one = caller();
    const fail = async () => {
      throw error();
    };
    await rejection(one.ask('a', fail));
    expect(reasonOf(await rejection(one.ask('b')))).toBe('IDEMPOTENCY_KEY_REUSED');
    // A later run that is refused does not free the key: the first one may have created the resource.
    await rejection(one.ask('a', async () => Promise.reject(failure('INVALID_ARGUMENT'))));
    expect(reasonOf(await rejection(one.ask('b')))).toBe('IDEMPOTENCY_KEY_REUSED');
    const { message, replayed: again } = await one.ask('a');
    expect([again, message.text]).toEqual([null, `${one.ids[0]} 3`]);
    expect(new Set(one.ids).size).toBe(1);
    expect((await one.ask('a')).replayed).toBe('true');
  });
});

test('a waiting request ends at its deadline, and the first is not disturbed', async () => {
  const one = caller();
  const gate = Promise.withResolvers<void>();
  const first = one.ask('a', async (id) => {
    await gate.promise;
    return { text: id };
  });
  await expect.poll(() => one.ids.length).toBe(1);
  const deadline = new AbortController();
  const waiting = rejection(one.ask('a', undefined, deadline.signal));
  await setTimeout(100);
  deadline.abort(failure('DEADLINE_EXCEEDED'));
  expect(reasonOf(await waiting)).toBe('DEADLINE_EXCEEDED');
  gate.resolve();
  await first;
  expect((await one.ask('a')).replayed).toBe('true');
});

test('100 waiting requests hold no connection', async () => {
  const gate = Promise.withResolvers<void>();
  const all = Array.from({ length: 50 }, () => caller());
  const asked = all.flatMap((one) => {
    const act = async (id: string) => {
      await gate.promise;
      return { text: id };
    };
    return [one.ask('a', act), one.ask('a', act)];
  });
  await expect.poll(() => all.flatMap(({ ids }) => ids).length).toBe(50);
  // More than the pool's connections, one after the other: each gets one.
  for (let count = 0; count < 50; count++) await shop.pool.query('SELECT 1');
  const { rows } = await shop.pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
  );
  expect(rows).toEqual([]);
  gate.resolve();
  await Promise.all(asked);
  expect(all.every(({ ids }) => ids.length === 1)).toBe(true);
});

describe('time', () => {
  const age = (userId: string, by: string) =>
    shop.pool.query(
      `UPDATE shop.idempotency_keys SET created_at = created_at - $2::interval, leased_until = leased_until - $2::interval
       WHERE user_id = $1`,
      [userId, by],
    );

  test('an answer is kept for 24 hours, and no longer', async () => {
    const one = caller();
    await one.ask('a');
    await age(one.userId, '23 hours 59 minutes');
    expect((await one.ask('a')).replayed).toBe('true');
    await age(one.userId, '1 minute');
    expect((await one.ask('b')).replayed).toBeNull();
    expect(new Set(one.ids).size).toBe(2);
    expect((await one.ask('b')).replayed).toBe('true');
  });

  test('of 50 requests with an expired key one runs', async () => {
    const one = caller();
    await one.ask('a');
    await age(one.userId, '24 hours');
    await Promise.all(Array.from({ length: 50 }, () => one.ask('b')));
    expect(one.ids).toHaveLength(2);
  });

  test('background work deletes expired keys, and no others', async () => {
    const [old, young] = [caller(), caller()];
    await old.ask();
    await young.ask();
    await age(old.userId, '24 hours');
    await shop.keys.work.run(new AbortController().signal);
    const { rows } = await shop.pool.query('SELECT user_id FROM shop.idempotency_keys WHERE user_id = ANY($1)', [
      [old.userId, young.userId],
    ]);
    expect(rows).toEqual([{ user_id: young.userId }]);
  });
});

describe('an account that is erased', () => {
  test('loses its keys, and gets no new one', async () => {
    const [gone, other] = [caller(), caller()];
    await gone.ask();
    await other.ask();
    await shop.pool.query('UPDATE shop.owners SET erased_at = now() WHERE user_id = $1', [gone.userId]);
    await shop.db.$transaction((tx) => shop.keys.erase(tx, [gone.userId]));
    expect(reasonOf(await rejection(gone.ask()))).toBe('INVALID_TOKEN');
    expect(gone.ids).toHaveLength(1);
    expect((await other.ask()).replayed).toBe('true');
  });

  test('while a request runs: the request is answered, and no row remains', async () => {
    const one = caller();
    const gate = Promise.withResolvers<void>();
    const asked = one.ask('a', async (id) => {
      await gate.promise;
      return { text: id };
    });
    await expect.poll(() => one.ids.length).toBe(1);
    await shop.pool.query('UPDATE shop.owners SET erased_at = now() WHERE user_id = $1', [one.userId]);
    await shop.keys.erase(shop.db, [one.userId]);
    gate.resolve();
    expect((await asked).message.text).toBe(one.ids[0]);
    const { rows } = await shop.pool.query('SELECT 1 FROM shop.idempotency_keys WHERE user_id = $1', [one.userId]);
    expect(rows).toEqual([]);
  });
});
