import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AnalyticsRig, fact, openAnalyticsRig, tracked } from '../testing/rig.ts';
import { rebuild } from './rebuild.ts';

let rig: AnalyticsRig;
beforeAll(async () => (rig = await openAnalyticsRig()));
beforeEach(async () => {
  await rig.pool.query(
    'TRUNCATE analytics.facts, analytics.tracked_events, analytics.counts, analytics.revenue, analytics.activity',
  );
});
afterAll(() => rig.close());

const noon = '2026-11-26T12:00:00Z';
const day = (date: string, zone?: string) => rig.summarize(date, date, zone);
const euro = (units: bigint, nanos = 0) => ({ currencyCode: 'EUR', units, nanos });
const times = <T>(count: number, call: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)));

test('a fact takes effect once, whatever is applied again', async () => {
  const facts = [
    fact('signup', noon),
    fact('login', noon, { userId: randomUUID() }),
    fact('capture', noon, { euro: '10' }),
  ];
  await rig.apply(...facts);
  await rig.apply(...facts);
  await Promise.all(facts.map((one) => rig.apply(one)));
  const expected = { signups: 1, logins: 1, activeUsers: 1, orders: 0, rides: 0, revenue: [euro(10n)] };
  expect(await day('2026-11-26')).toEqual({ days: [{ date: '2026-11-26', ...expected }], totals: expected });
});

test('revenue is what was captured less what was refunded that day, by currency', async () => {
  await rig.apply(
    fact('capture', '2026-11-25T12:00:00Z', { euro: '20.10' }),
    fact('capture', noon, { euro: '0.20' }),
    fact('capture', noon, { amount: { currencyCode: 'JPY', units: 500n, nanos: 0 } }),
    fact('refund', noon, { euro: '-20.10' }),
    fact('capture', '2026-11-27T12:00:00Z', { euro: '7' }),
    fact('refund', '2026-11-27T13:00:00Z', { euro: '-7' }),
  );
  const { days, totals } = await rig.summarize('2026-11-25', '2026-11-27');
  const yen = { currencyCode: 'JPY', units: 500n, nanos: 0 };
  expect(days.map(({ revenue }) => revenue)).toEqual([
    [euro(20n, 100_000_000)],
    [euro(-19n, -900_000_000), yen],
    [euro(0n)],
  ]);
  expect(totals.revenue).toEqual([euro(0n, 200_000_000), yen]);
});

test('a user counts once a day and once in the totals, by sessions and tracked events alike', async () => {
  const [ada, bob] = [randomUUID(), randomUUID()];
  await rig.apply(fact('login', noon, { userId: ada }), fact('login', '2026-11-26T18:00:00Z', { userId: ada }));
  await rig.track(ada, tracked('2026-11-26T19:00:00Z'), tracked('2026-11-27T00:00:00Z'));
  await rig.track(bob, tracked('2026-11-26T23:59:59.999Z'));
  const { days, totals } = await rig.summarize('2026-11-25', '2026-11-27');
  expect(days.map(({ activeUsers }) => activeUsers)).toEqual([0, 2, 1]);
  expect([totals.activeUsers, totals.logins]).toEqual([2, 2]);
});

test.each([
  ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00Z', '2026-03-29T21:59:59.999Z', '2026-03-29T22:00:00Z'],
  ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00Z', '2026-10-25T22:59:59.999Z', '2026-10-25T23:00:00Z'],
  ['Asia/Kathmandu', '2026-11-26', '2026-11-25T18:15:00Z', '2026-11-26T18:14:59.999Z', '2026-11-26T18:15:00Z'],
  ['', '2026-11-26', '2026-11-26T00:00:00Z', '2026-11-26T23:59:59.999Z', '2026-11-27T00:00:00Z'],
])('a day of "%s" on %s has its first and its last millisecond, and no more', async (zone, date, first, last, next) => {
  const before = new Date(Date.parse(first) - 1).toISOString();
  for (const at of [before, first, last, next]) {
    const userId = randomUUID();
    await rig.apply(fact('login', at, { userId }), fact('capture', at, { euro: '1' }), fact('order', at));
  }
  const { totals } = await day(date, zone);
  expect(totals).toMatchObject({ logins: 2, activeUsers: 2, orders: 2, revenue: [euro(2n)] });
});

test('facts and tracked events of 50 concurrent callers are all counted', async () => {
  const users = Array.from({ length: 10 }, () => randomUUID());
  const results = await times(50, async (index): Promise<unknown> => {
    const userId = users[index % 10]!;
    if (index % 2 === 0) return rig.track(userId, tracked(noon), tracked('2026-11-26T12:20:00Z'));
    return rig.apply(
      fact('login', noon, { userId }),
      fact('signup', noon),
      fact('capture', noon, { euro: '0.10' }),
      fact('login', '2026-11-26T12:20:00Z', { userId: users[(index + 3) % 10]! }),
    );
  });
  expect(results.filter((one) => one === false)).toEqual([]);
  expect((await day('2026-11-26')).totals).toEqual({
    signups: 25,
    logins: 50,
    activeUsers: 10,
    orders: 0,
    rides: 0,
    revenue: [euro(2n, 500_000_000)],
  });
  const { rows } = await rig.pool.query('SELECT count(*)::int AS count FROM analytics.tracked_events');
  expect(rows).toEqual([{ count: 50 }]);
});

test('after an erasure no row leads to the user, and past figures stay', async () => {
  const [ada, bob] = [randomUUID(), randomUUID()];
  const text = randomUUID();
  await rig.apply(fact('login', noon, { userId: ada }), fact('login', noon, { userId: bob }));
  await rig.track(ada, tracked(noon, { note: text }));
  await rig.track(bob, tracked(noon, { note: 'mine' }));
  const before = await day('2026-11-26');
  await rig.erase(ada);
  expect(await day('2026-11-26')).toEqual(before);
  const { rows: tables } = await rig.pool.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'analytics'`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await rig.pool.query(
      `SELECT FROM ${name} t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0`,
      [ada, text],
    );
    if (rows.length > 0) found.push(name);
  }
  expect(found).toEqual(['analytics.owners']);
  const { rows } = await rig.pool.query(`SELECT properties FROM analytics.tracked_events ORDER BY properties::text`);
  expect(rows).toEqual([{ properties: { note: 'mine' } }, { properties: {} }]);
  expect(await rig.track(ada, tracked(noon))).toBe(false);
  await rig.apply(fact('login', noon, { userId: ada }));
  expect((await day('2026-11-26')).totals).toMatchObject({ logins: 3, activeUsers: 2 });
});

test('an erasure clears more tracked events than one batch, and those of no other user', async () => {
  const [ada, bob] = [randomUUID(), randomUUID()];
  for (const user of [ada, bob]) await rig.track(user, tracked(noon, { note: 'first' }));
  await rig.pool.query(
    `INSERT INTO analytics.tracked_events (id, visitor, name, at, properties)
     SELECT gen_random_uuid(), v.id, 'page.viewed', now(), '{"note": "more"}'
     FROM analytics.visitors v, generate_series(1, 10_000) WHERE v.user_id = $1`,
    [ada],
  );
  await rig.erase(ada);
  const { rows } = await rig.pool.query(
    `SELECT properties, count(*)::int AS count FROM analytics.tracked_events
     WHERE properties <> '{}' AND properties->>'note' IN ('first', 'more') GROUP BY properties`,
  );
  expect(rows).toEqual([{ properties: { note: 'first' }, count: 1 }]);
});

test('50 writes that race with an erasure leave no link to the user', async () => {
  for (let round = 0; round < 5; round++) {
    const user = randomUUID();
    await times(50, (index): Promise<unknown> => {
      if (index === round * 10) return rig.erase(user);
      if (index % 2 === 0) return rig.track(user, tracked(noon, { note: 'mine' }));
      return rig.apply(fact('login', noon, { userId: user }));
    });
    const { rows } = await rig.pool.query(
      `SELECT FROM analytics.visitors WHERE user_id = '${user}'
       UNION ALL SELECT FROM analytics.tracked_events WHERE properties <> '{}'`,
    );
    expect(rows).toEqual([]);
    expect((await day('2026-11-26')).totals.activeUsers).toBeLessThanOrEqual(round + 1);
  }
});

test('a rebuild makes the same figures, from read models that were lost or are wrong', async () => {
  const users = Array.from({ length: 20 }, () => randomUUID());
  await times(20, async (index) => {
    const at = new Date(Date.parse('2026-11-20T00:00:00Z') + index * 7 * 3_600_000).toISOString();
    await rig.apply(
      fact('signup', at),
      fact('login', at, { userId: users[index]! }),
      fact('order', at),
      fact('capture', at, { euro: '10.01' }),
      fact('refund', at, { euro: '-0.02' }),
    );
    await rig.track(users[index]!, tracked(at), tracked(at));
  });
  await rig.erase(users[0]!, users[1]!);
  const expected = await rig.summarize('2026-11-01', '2026-11-30', 'Asia/Kathmandu');
  expect(expected.totals).toMatchObject({ signups: 20, activeUsers: 20, revenue: [euro(199n, 800_000_000)] });
  await rig.pool.query(`TRUNCATE analytics.activity`);
  await rig.pool.query(`DELETE FROM analytics.revenue WHERE at < '2026-11-22'`);
  await rig.pool.query(`UPDATE analytics.counts SET count = count + 5`);
  await rig.pool.query(`INSERT INTO analytics.counts VALUES ('2026-11-02T00:00:00Z', 'order', 3)`);
  expect(await rig.summarize('2026-11-01', '2026-11-30', 'Asia/Kathmandu')).not.toEqual(expected);
  for (let round = 0; round < 2; round++) {
    expect(await rebuild(rig.db)).toEqual({ facts: 100, trackedEvents: 40 });
    expect(await rig.summarize('2026-11-01', '2026-11-30', 'Asia/Kathmandu')).toEqual(expected);
  }
});

test('a rebuild loses nothing that is written meanwhile, and summaries are never partial', async () => {
  const userId = randomUUID();
  await rig.apply(...Array.from({ length: 40 }, () => fact('login', noon, { userId })));
  const seen: number[] = [];
  const over = new AbortController();
  const reading = (async () => {
    while (!over.signal.aborted) seen.push((await day('2026-11-26')).totals.logins);
  })();
  await Promise.all([
    times(4, () => rebuild(rig.db)),
    times(50, (index): Promise<unknown> =>
      index % 2 ? rig.apply(fact('login', noon, { userId: randomUUID() })) : rig.track(randomUUID(), tracked(noon)),
    ),
  ]);
  over.abort();
  await reading;
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(40);
  expect((await day('2026-11-26')).totals).toMatchObject({ logins: 65, activeUsers: 51 });
  expect(await rebuild(rig.db)).toEqual({ facts: 65, trackedEvents: 25 });
  expect((await day('2026-11-26')).totals).toMatchObject({ logins: 65, activeUsers: 51 });
});
