import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { createTombstones } from '#kit/erasure/owners.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { Kind } from '../domain/kinds.ts';
import { createInboxStore } from './inbox.ts';
import { createNoticeStore } from './notices.ts';
import { createPreferenceStore } from './preferences.ts';

let fresh: FreshDatabase;
let database: Database;
let db: Transactional;
let notices: ReturnType<typeof createNoticeStore>;
let inbox: ReturnType<typeof createInboxStore>;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, max: 30, applicationName: 'test', log: silentLog });
  db = database.statements;
  notices = createNoticeStore(db);
  inbox = createInboxStore(db);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const notice = (userId: string, kind: Kind = 'order_shipped', eventId: string = randomUUID()) => ({
  eventId,
  userId,
  kind,
  data: { order_id: 'o1' },
});
const insert = (...all: ReturnType<typeof notice>[]) => db.$transaction((tx) => notices.insertOnce(all, tx));

test('an event makes a notification once, whatever is applied again', async () => {
  const user = randomUUID();
  const one = notice(user);
  expect(await insert(one, notice(user, 'order_delivered', one.eventId))).toHaveLength(2);
  expect(await insert(one)).toEqual([]);
  expect(await inbox.unreadCount(user)).toBe(2);
});

test('messages follow the preferences, and kinds about security are always mailed', async () => {
  const user = randomUUID();
  const preferences = createPreferenceStore(db);
  await preferences.choose(user, [
    { kind: 'order_shipped', email: false, sms: true },
    { kind: 'password_changed', email: false, sms: true },
  ]);
  const messages = await insert(
    notice(user, 'order_shipped'),
    notice(user, 'order_delivered'),
    notice(user, 'password_changed'),
  );
  expect(messages.map(({ channel }) => channel)).toEqual(['sms', 'email', 'email']);
});

test('a preference keeps the channel that a change leaves out', async () => {
  const user = randomUUID();
  const preferences = createPreferenceStore(db);
  await preferences.choose(user, [{ kind: 'order_shipped', email: undefined, sms: true }]);
  await preferences.choose(user, [{ kind: 'order_shipped', email: false, sms: undefined }]);
  expect(await preferences.find(user)).toEqual(new Map([['order_shipped', { email: false, sms: true }]]));
});

test('places of a user ascend in the order of the commits, with 50 writers at once', async () => {
  const user = randomUUID();
  const seen: bigint[] = [];
  const reading = (async () => {
    while (seen.length < 100) {
      for (const { place } of await inbox.after(user, seen.at(-1) ?? 0n, 10)) seen.push(place);
    }
  })();
  await Promise.all(Array.from({ length: 50 }, () => insert(notice(user), notice(user))));
  await reading;
  expect(await inbox.after(user, 0n, 200)).toHaveLength(100);
  expect(seen).toEqual(seen.toSorted((a, b) => Number(a - b)));
});

test('nothing is written for an erased account, in any order of commits', async () => {
  for (let round = 0; round < 10; round++) {
    const user = randomUUID();
    const tombstones = createTombstones(db, 'notification');
    const erase = () =>
      db.$transaction(async (tx) => {
        await tombstones.write(tx, [user]);
        await notices.erase([user], tx);
      });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        if (index === round) return erase();
        if (index % 3 === 0)
          return createPreferenceStore(db).choose(user, [{ kind: 'welcome', email: false, sms: true }]);
        if (index % 3 === 1) return db.$transaction((tx) => notices.setLocales(new Map([[user, 'de']]), tx));
        return insert(notice(user));
      }),
    );
    const { rows } = await database.pool.query<{ count: number }>(
      `SELECT (SELECT count(*) FROM notification.notifications WHERE user_id = $1)
            + (SELECT count(*) FROM notification.preferences WHERE user_id = $1)
            + (SELECT count(*) FROM notification.languages WHERE user_id = $1) AS count`,
      [user],
    );
    expect(Number(rows[0]?.count)).toBe(0);
  }
});

test('an inbox of 100,000 notifications is read by its index', async () => {
  const user = randomUUID();
  await database.pool.query(
    `INSERT INTO notification.notifications (id, event_id, user_id, kind, data, read_at)
     SELECT gen_random_uuid(), gen_random_uuid(), CASE WHEN n % 100 = 0 THEN $1::uuid ELSE gen_random_uuid() END, 'welcome', '{}',
            CASE WHEN n % 2 = 0 THEN now() END
     FROM generate_series(1, 100_000) AS n`,
    [user],
  );
  await database.pool.query('ANALYZE notification.notifications');
  const plans: string[] = [];
  for (const text of [
    `SELECT * FROM notification.notifications n WHERE n.user_id = '${user}'::uuid AND (n.place) < (90000::bigint) ORDER BY n.place DESC LIMIT 21`,
    `SELECT count(*)::int FROM notification.notifications WHERE user_id = '${user}'::uuid AND read_at IS NULL`,
    `SELECT * FROM notification.notifications n WHERE user_id = '${user}'::uuid AND place > 90000 ORDER BY place LIMIT 100`,
  ]) {
    const { rows } = await database.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
    plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
  }
  for (const plan of plans) {
    expect(plan).toContain('Index');
    expect(plan).not.toContain('Seq Scan');
  }
});
