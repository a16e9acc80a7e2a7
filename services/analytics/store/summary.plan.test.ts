import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sql } from '#kit/store/sql.ts';
import { sqlOf, type Statement, type Statements, type Transactional } from '#kit/store/statements.ts';
import { type AnalyticsRig, openAnalyticsRig } from '../testing/rig.ts';
import { createSummaryStore } from './summary.ts';
import { anonymize } from './visitors.ts';

/** How PostgreSQL reads the figures of 100,000 quarter hours and 100,000 visits, three years of them. */

let rig: AnalyticsRig;
beforeAll(async () => {
  rig = await openAnalyticsRig();
  await rig.pool.query(`
    INSERT INTO analytics.counts (at, kind, count)
    SELECT timestamptz '2024-01-01T00:00:00Z' + n * interval '15 minutes', 'login', 1 FROM generate_series(1, 100000) n`);
  await rig.pool.query(`
    INSERT INTO analytics.revenue (at, currency, amount)
    SELECT timestamptz '2024-01-01T00:00:00Z' + n * interval '15 minutes', 'EUR', 0.10 FROM generate_series(1, 100000) n`);
  await rig.pool.query(`
    INSERT INTO analytics.visitors (user_id, id)
    SELECT gen_random_uuid(), ('018f3e2a-7b1c-7def-8a12-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(1, 1000) n`);
  await rig.pool.query(`
    INSERT INTO analytics.activity (at, visitor)
    SELECT timestamptz '2024-01-01T00:00:00Z' + n * interval '15 minutes',
      ('018f3e2a-7b1c-7def-8a12-' || lpad((1 + n % 1000)::text, 12, '0'))::uuid
    FROM generate_series(1, 100000) n`);
  await rig.pool.query(`
    INSERT INTO analytics.tracked_events (id, visitor, name, at, properties)
    SELECT gen_random_uuid(), visitor, 'page.viewed', at, '{}' FROM analytics.activity`);
  await rig.pool.query('VACUUM ANALYZE');
});
afterAll(() => rig.close());

/** A client that keeps statements instead of running them. */
function recorder() {
  const statements: Sql[] = [];
  const keep = async (...statement: Statement) => {
    statements.push(sqlOf(statement));
    return [];
  };
  const tx = { $queryRaw: keep, $executeRaw: keep } as unknown as Statements;
  return { db: { ...tx, $transaction: (run) => run(tx) } satisfies Transactional, statements };
}

/** The plan of a statement for its values, and that for any values, which a prepared statement may use. */
async function plansOf({ text, values }: Sql): Promise<string[]> {
  const plans = [
    await rig.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values),
    await rig.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`),
  ];
  return plans.map(({ rows }) => rows.map((row) => row['QUERY PLAN']).join('\n'));
}

test('a summary of 30 days reads read models by their indexes', async () => {
  const { db, statements } = recorder();
  const starts = Array.from({ length: 31 }, (_, index) => new Date(Date.UTC(2025, 5, 1 + index)));
  await createSummaryStore(db).measure(starts);
  expect(statements).toHaveLength(3);
  for (const statement of statements) {
    for (const plan of await plansOf(statement)) {
      expect(plan).toContain('Index');
      expect(plan).not.toContain('Seq Scan');
    }
  }
});

test('a summary of 366 days adds up what is in them', async () => {
  const { days, totals } = await rig.summarize('2025-01-01', '2026-01-01', 'Asia/Kathmandu');
  expect(new Set(days.map(({ logins, activeUsers }) => `${logins} ${activeUsers}`))).toEqual(new Set(['96 96']));
  expect(totals).toMatchObject({ logins: 35_136, activeUsers: 1_000 });
  expect(totals.revenue).toEqual([{ currencyCode: 'EUR', units: 3_513n, nanos: 600_000_000 }]);
});

test('an erasure finds its rows by their indexes', async () => {
  const { rows } = await rig.pool.query<{ id: string }>('SELECT user_id AS id FROM analytics.visitors LIMIT 1');
  const { db, statements } = recorder();
  await anonymize(db, rows[0]!.id, new AbortController().signal);
  for (const plan of await plansOf(statements[0]!)) expect(plan).not.toContain('Seq Scan');
});
