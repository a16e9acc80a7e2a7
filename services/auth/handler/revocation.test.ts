import { createHandlerContext, type HandlerContext } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { RevocationService, type WatchResponse } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { silentLog } from '#kit/log/log.ts';
import { createLocalRevocations, type LocalRevocations } from '../store/revocation-feed.ts';
import type { SequencedRevocation } from '../store/revocations.ts';
import { revocationHandler } from './revocation.ts';

let known: LocalRevocations;
const closing = new AbortController();
afterEach(() => known.close());

/** A table of revocations, and a replica that has read it. */
async function makeReplica() {
  const table = { history: 'first', sequence: 0n, rows: [] as SequencedRevocation[] };
  known = createLocalRevocations(
    {
      head: async () => ({ history: table.history, sequence: table.sequence }),
      after: async (sequence, limit) => table.rows.filter((row) => row.sequence > sequence).slice(0, limit),
    },
    silentLog,
  );
  await known.ready();
  const write = (count: number) => {
    for (let index = 0; index < count; index++) {
      table.sequence += 1n;
      const expiresAt = Math.floor(Date.now() / 1_000) + 3_610;
      const target = { case: 'sessionId' as const, value: `session ${table.sequence}` };
      table.rows.push({ sequence: table.sequence, revocation: { target, expiresAt } });
    }
  };
  return { table, write };
}

/** What a watcher that comes with this position is told first. */
async function first(history: string, sequence: string): Promise<WatchResponse> {
  const { watch } = revocationHandler(known, closing.signal);
  const leave = new AbortController();
  const context = createHandlerContext({
    service: RevocationService,
    method: RevocationService.method.watch,
    protocolName: 'test',
    requestMethod: 'POST',
    url: 'http://test/',
    requestSignal: leave.signal,
  }) as HandlerContext;
  const request = { $typeName: 'signet.auth.v1.WatchRequest', history, sequence } as const;
  for await (const message of watch(request, context)) {
    leave.abort();
    return message as WatchResponse;
  }
  throw new Error('nothing was told');
}

const valuesOf = ({ revocations }: WatchResponse) => revocations.map(({ target }) => target.value);

test('a new watcher is told everything, and one that comes back what it has not had', async () => {
  const { write } = await makeReplica();
  write(3);
  await known.pull();
  const all = await first('', '0');
  expect(all).toMatchObject({ history: 'first', sequence: '3', reset: true, current: true });
  expect(valuesOf(all)).toEqual(['session 1', 'session 2', 'session 3']);
  const rest = await first('first', '2');
  expect([rest.reset, valuesOf(rest)]).toEqual([false, ['session 3']]);
});

test('a replica that lags behind what its watcher had from another looks at the table, and has nothing forgotten', async () => {
  const { write } = await makeReplica();
  write(2);
  await known.pull();
  // Another replica has read these, and told the watcher.
  write(2);
  expect(known.head()?.sequence).toBe(2n);
  expect(await first('first', '4')).toMatchObject({ sequence: '4', reset: false, current: true, revocations: [] });
});

test('a table that was put back to an older state is told from its beginning', async () => {
  const { table, write } = await makeReplica();
  write(4);
  await known.pull();
  table.sequence = 2n;
  table.rows.length = 2;
  await known.pull();
  expect(await first('first', '4')).toMatchObject({ sequence: '2', reset: true, current: true });
  table.history = 'second';
  await known.pull();
  expect(await first('first', '2')).toMatchObject({ history: 'second', reset: true });
});
