import { timestampMs } from '@bufbuild/protobuf/wkt';
import { create } from '@bufbuild/protobuf';
import { createHandlerContext, type HandlerContext } from '@connectrpc/connect';
import { afterEach, describe, expect, test } from 'vitest';
import {
  RevocationSchema,
  RevocationService,
  type WatchResponse,
} from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRevocationLog } from './log.ts';
import { revocationHandler } from './watch.ts';
import { createLocalRevocations, type LocalRevocations, type SequencedRevocation } from '../rules.ts';

let known: LocalRevocations;
/** Ahead of this machine. */
const time = { now: () => Date.now() + 60_000, skew: () => -60 };
const closing = new AbortController();
afterEach(() => known.close());

/** A fake table of revocations and a replica that has read it. */
async function makeReplica() {
  const table = { history: 'first', rows: [] as SequencedRevocation[] };
  const sequence = () => table.rows.at(-1)?.sequence ?? 0n;
  /** Blocks reads of pages while set. */
  const reading: { gate?: Promise<void> | undefined; begun?: () => void } = {};
  known = createLocalRevocations(
    {
      head: async () => ({ history: table.history, sequence: sequence(), lastId: table.rows.at(-1)?.id ?? '' }),
      idAt: async (at) => table.rows.find((row) => row.sequence === at)?.id,
      async after(at, limit) {
        const page = table.rows.filter((row) => row.sequence > at).slice(0, limit);
        reading.begun?.();
        await reading.gate;
        return page;
      },
    },
    time,
    createRevocationLog,
  );
  await known.ready();
  /** @param mark distinguishes entries with the same sequence */
  const write = (count: number, mark = '') => {
    for (let index = 0; index < count; index++) {
      const at = sequence() + 1n;
      const expiresAt = Math.floor(Date.now() / 1_000) + 3_610;
      const target = { case: 'sessionId' as const, value: `session ${at}${mark}` };
      table.rows.push({
        sequence: at,
        id: `entry ${at}${mark}`,
        revocation: create(RevocationSchema, { target, expiresAt }),
      });
    }
  };
  /** A failover to a standby that has only this, or a restore. */
  const fallBack = (to: number) => void (table.rows.length = to);
  /** Starts a read of the table that blocks midway; returns a function that lets it finish. */
  const lookHalfway = async () => {
    const [gate, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    reading.gate = gate.promise;
    reading.begun = begun.resolve;
    const looking = known.pull();
    await begun.promise;
    return async () => {
      reading.gate = undefined;
      gate.resolve();
      await looking;
    };
  };
  return { table, write, fallBack, lookHalfway };
}

/** The messages to a watcher with this position. */
async function* watching(history: string, sequence: string, lastId: string): AsyncGenerator<WatchResponse> {
  const { watch } = revocationHandler(known, closing.signal, time.now);
  const leave = new AbortController();
  const context = createHandlerContext({
    service: RevocationService,
    method: RevocationService.method.watch,
    protocolName: 'test',
    requestMethod: 'POST',
    url: 'http://test/',
    requestSignal: leave.signal,
  }) as HandlerContext;
  const request = { $typeName: 'signet.auth.v1.WatchRequest', history, sequence, lastId } as const;
  try {
    for await (const message of watch(request, context)) yield message as WatchResponse;
  } finally {
    leave.abort();
  }
}

/** The first message to such a watcher. */
async function first(history: string, sequence: string, lastId: string): Promise<WatchResponse> {
  for await (const message of watching(history, sequence, lastId)) return message;
  throw new Error('nothing was sent');
}

const valuesOf = ({ revocations }: WatchResponse) => revocations.map(({ target }) => target.value);
const tokenOf = (sid: string) => ({ sub: 'ada', sid, jti: 'token', kid: 'key', roles: [], iat: 0 });

test('sends everything to a new watcher and the missing entries to a returning one', async () => {
  const { write } = await makeReplica();
  write(3);
  await known.pull();
  const all = await first('', '0', '');
  expect(all).toMatchObject({ history: 'first', sequence: '3', lastId: 'entry 3', reset: true, current: true });
  expect(valuesOf(all)).toEqual(['session 1', 'session 2', 'session 3']);
  const rest = await first('first', '2', 'entry 2');
  expect([rest.reset, valuesOf(rest), rest.lastId]).toEqual([false, ['session 3'], 'entry 3']);
  expect(await first('first', '3', 'entry 3')).toMatchObject({ reset: false, current: true, revocations: [] });
});

test("every message carries the database's time", async () => {
  await makeReplica();
  await known.pull();
  const message = await first('', '0', '');
  const sentAt = message.sentAt ? timestampMs(message.sentAt) : 0;
  expect(Math.abs(sentAt - time.now())).toBeLessThan(5_000);
});

test('a replica that lags behind its watcher reads the table and does not reset the watcher', async () => {
  const { write } = await makeReplica();
  write(2);
  await known.pull();
  // Another replica has read and sent these.
  write(2);
  expect(known.head()?.sequence).toBe(2n);
  expect(await first('first', '4', 'entry 4')).toMatchObject({ sequence: '4', reset: false, revocations: [] });
});

test('sends a restored table from its beginning', async () => {
  const { table, write, fallBack } = await makeReplica();
  write(4);
  await known.pull();
  fallBack(2);
  await known.pull();
  expect(await first('first', '4', 'entry 4')).toMatchObject({ sequence: '2', reset: true, current: true });
  table.history = 'second';
  await known.pull();
  expect(await first('first', '2', 'entry 2')).toMatchObject({ history: 'second', reset: true });
});

describe('a failover that lost commits and made as many new ones', () => {
  test('resets a returning watcher, because the entry at its position differs', async () => {
    const { write, fallBack } = await makeReplica();
    write(4);
    await known.pull();
    fallBack(2);
    write(3, ' of the standby');
    // The replica has not noticed yet: it reads the table before it rejects the position.
    const all = await first('first', '5', 'entry 5 of the standby');
    expect([all.reset, valuesOf(all)]).toEqual([false, []]);
    const missed = await first('first', '4', 'entry 4');
    expect(missed).toMatchObject({ reset: true, sequence: '5', lastId: 'entry 5 of the standby' });
    expect(valuesOf(missed)).toEqual([
      'session 1',
      'session 2',
      'session 3 of the standby',
      'session 4 of the standby',
      'session 5 of the standby',
    ]);
    expect((await first('first', '2', 'entry 2')).reset, 'before what was lost').toBe(false);
    expect((await first('first', '5', '')).reset, 'a watcher of an older build').toBe(true);
  });

  test('resets a watcher that connects while the replica reads the new table', async () => {
    const { write, fallBack, lookHalfway } = await makeReplica();
    write(4);
    await known.pull();
    fallBack(2);
    write(2, ' of the standby');
    const finish = await lookHalfway();
    const stream = watching('first', '4', 'entry 4');
    const seen: WatchResponse[] = [(await stream.next()).value];
    await finish();
    while (!seen.at(-1)?.current || seen.at(-1)?.lastId !== 'entry 4 of the standby') {
      seen.push((await stream.next()).value);
    }
    expect(seen.flatMap(valuesOf)).toContain('session 3 of the standby');
    expect(seen.flatMap(valuesOf)).toContain('session 4 of the standby');
    await stream.return(undefined);
  });

  test('resets an open stream whose heartbeat falls into the read of the new table', async () => {
    const { write, fallBack, lookHalfway } = await makeReplica();
    write(4);
    await known.pull();
    const stream = watching('first', '4', 'entry 4');
    expect((await stream.next()).value).toMatchObject({ reset: false, sequence: '4' });
    fallBack(2);
    write(2, ' of the standby');
    const finish = await lookHalfway();
    // The next heartbeat, a second later.
    const seen: WatchResponse[] = [(await stream.next()).value];
    await finish();
    while (seen.at(-1)?.lastId !== 'entry 4 of the standby') seen.push((await stream.next()).value);
    expect(seen.flatMap(valuesOf)).toContain('session 4 of the standby');
    await stream.return(undefined);
  });

  test('resets the watchers with open streams', async () => {
    const { write, fallBack } = await makeReplica();
    write(4);
    await known.pull();
    const stream = watching('first', '4', 'entry 4');
    expect((await stream.next()).value).toMatchObject({ reset: false, sequence: '4' });
    fallBack(2);
    write(2, ' of the standby');
    const next = stream.next();
    await known.pull();
    const { value } = await next;
    expect([value?.reset, value?.lastId]).toEqual([true, 'entry 4 of the standby']);
    await stream.return(undefined);
  });

  test('keeps lost entries in the replica until they expire', async () => {
    const { write, fallBack } = await makeReplica();
    write(4);
    await known.pull();
    fallBack(2);
    write(2, ' of the standby');
    await known.pull();
    const sessions = ['session 2', 'session 3', 'session 4', 'session 3 of the standby', 'session 4 of the standby'];
    expect(sessions.map((sid) => known.isRevoked(tokenOf(sid)))).toEqual([true, true, true, true, true]);
  });
});
