import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyDatabase } from '#kit/testing/postgres.ts';
import { type AnalyticsRig, fact, openAnalyticsRig } from '../../services/analytics/testing/rig.ts';
import { run } from '../testing/run.ts';

let rig: AnalyticsRig;
beforeAll(async () => (rig = await openAnalyticsRig()));
afterAll(() => rig.close());

const rebuild = (...args: string[]) =>
  run(['analytics', 'rebuild', ...args], { environment: { DATABASE_URL: rig.url.reveal() } });

test('rebuilds the figures from the facts, and says from how many', async () => {
  await rig.apply(fact('signup', '2026-11-26T12:00:00Z'), fact('capture', '2026-11-26T12:00:00Z', { euro: '5' }));
  const expected = await rig.summarize('2026-11-26', '2026-11-26');
  await rig.pool.query('TRUNCATE analytics.counts, analytics.revenue');
  const { exit, stdout, stderr } = await rebuild();
  expect([exit, stdout, stderr]).toEqual([0, 'rebuilt the figures from 2 facts and 0 tracked events\n', '']);
  expect(await rig.summarize('2026-11-26', '2026-11-26')).toEqual(expected);
  expect((await rebuild('--json')).json()).toEqual({ facts: 2, tracked_events: 0 });
});

test('fails where the database has no tables of the service', async () => {
  const empty = await emptyDatabase();
  const { exit, stdout } = await run(['analytics', 'rebuild'], { environment: { DATABASE_URL: empty.url.reveal() } });
  await empty.drop();
  expect([exit, stdout]).toEqual([1, '']);
});
