import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { ownerTable } from '#kit/events/tables.ts';
import { keptLog } from '#kit/events/testing/follow-effects.ts';
import { type EventDatabase, openEventDatabase } from '#kit/events/testing/rig.ts';
import { silentLog } from '#kit/log/log.ts';
import { createErasure } from './erasure.ts';
import { livingOwners } from './owners.ts';

let events: EventDatabase;
beforeEach(async () => {
  events = await openEventDatabase();
  await events.database.pool.query(`${ownerTable('user')}; CREATE TABLE "user".notes (user_id uuid, text text)`);
});
afterEach(() => events.close());

/** The erasure of notes, confirmed to an auth service that answers with a function. */
function erasureTo(
  confirm: (userId: string) => void,
  log = silentLog,
  finish: (userId: string) => Promise<void> = async () => undefined,
) {
  const auth = createRouterTransport(({ service }) => {
    service(AccountService, {
      confirmErasure({ userId }) {
        confirm(userId);
        return {};
      },
    });
  });
  return createErasure({
    service: 'user',
    db: events.db,
    auth,
    async erase(userIds, tx) {
      await tx.$executeRaw`DELETE FROM "user".notes WHERE user_id = ANY(${[...userIds]}::uuid[])`;
    },
    finish,
    log,
  });
}

const noSignal = new AbortController().signal;
const apply = (erasure: ReturnType<typeof erasureTo>, ...ids: string[]) =>
  events.db.$transaction((tx) => erasure.apply(ids, tx));
const write = (id: string) =>
  events.db.$executeRaw`WITH owner AS (${livingOwners('user', [id])})
    INSERT INTO "user".notes (user_id, text) SELECT user_id, 'mine' FROM owner`;

test('erases the rows of the named users, and refuses rows that come later', async () => {
  const [ada, grace] = [randomUUID(), randomUUID()];
  expect([await write(ada), await write(grace)]).toEqual([1, 1]);
  await apply(
    erasureTo(() => undefined),
    ada,
  );
  expect([await write(ada), await write(grace)]).toEqual([0, 1]);
  const rows = await events.rows<{ user_id: string }>('SELECT DISTINCT user_id FROM "user".notes');
  expect(rows.map((row) => row.user_id)).toEqual([grace]);
});

test('50 writes, two of each user in one statement, and erasures of the same users do not deadlock', async () => {
  const ids = Array.from({ length: 20 }, () => randomUUID());
  const erasure = erasureTo(() => undefined);
  const writeAll = (all: string[]) =>
    events.db.$executeRaw`WITH owner AS (${livingOwners('user', [...all, ...all])})
      INSERT INTO "user".notes (user_id) SELECT user_id FROM owner`;
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const order = index % 2 ? ids : ids.toReversed();
      return index % 5 === 4 ? apply(erasure, ...order) : writeAll(order);
    }),
  );
  expect(await events.rows('SELECT FROM "user".notes')).toEqual([]);
});

test('confirms each erasure until the auth service accepts it, and then no more', async () => {
  const [ada, grace] = [randomUUID(), randomUUID()];
  const confirmed: string[] = [];
  let isAway = true;
  const erasure = erasureTo((userId) => {
    if (isAway) throw new ConnectError('away', Code.Unavailable);
    confirmed.push(userId);
  });
  await apply(erasure, ada);
  await apply(erasure, grace, ada);
  await expect(erasure.work.run(noSignal)).rejects.toMatchObject({ code: Code.Unavailable });
  isAway = false;
  await erasure.work.run(noSignal);
  await erasure.work.run(noSignal);
  expect(confirmed).toEqual([ada, grace]);
});

test('logs an erasure that the auth service does not know, and does not confirm it again', async () => {
  const { lines, log } = keptLog();
  const ada = randomUUID();
  let calls = 0;
  const erasure = erasureTo(() => {
    calls += 1;
    throw failure('NOT_FOUND');
  }, log);
  await apply(erasure, ada);
  await erasure.work.run(noSignal);
  await erasure.work.run(noSignal);
  expect([calls, lines.map(({ user }) => user)]).toEqual([1, [ada]]);
});

test('confirms an erasure only after it is finished, and others meanwhile', async () => {
  const [ada, grace] = [randomUUID(), randomUUID()];
  const confirmed: string[] = [];
  let isStuck = true;
  const erasure = erasureTo(
    (userId) => void confirmed.push(userId),
    silentLog,
    async (userId) => {
      if (userId === ada && isStuck) throw new Error('not yet');
    },
  );
  await apply(erasure, ada);
  await apply(erasure, grace);
  await expect(erasure.work.run(noSignal)).rejects.toThrow('not yet');
  expect(confirmed).toEqual([grace]);
  isStuck = false;
  await erasure.work.run(noSignal);
  expect(confirmed).toEqual([grace, ada]);
});
