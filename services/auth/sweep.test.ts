import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { expiredKeys } from '#kit/idempotency/store.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Sql } from '#kit/store/sql.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { watched } from '#kit/testing/watched.ts';
import { expiredAttempts } from './limits/store.ts';
import { expiredLinks } from './links/store.ts';
import { expiredRevocations } from './revocation/store/revocations.ts';
import { expiredAssertions } from './service-identity/store.ts';
import { endedSessions } from './sessions/store/sweep.ts';

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'sweep-test', log: silentLog, statementTimeout: 300_000 });
  await database.pool.query(
    `INSERT INTO auth.users (id, email, name, roles) VALUES (gen_random_uuid(), 'a@example.com', 'Ada', '{user}')`,
  );
  await database.pool.query('UPDATE auth.heads SET revocation_sequence = 1000000');
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const rows = 200_000;

/** Row `n` is due if it is one of the 1,001 in the middle. */
const isDue = 'n BETWEEN 100000 AND 101000';

test.each([
  {
    table: 'auth.sessions',
    batch: endedSessions,
    columns: `id, user_id, client_id, device_label, ip, amr, secret, auth_time, idle_expires_at, expires_at, sweep_at`,
    values: `gen_random_uuid(), (SELECT id FROM auth.users), 'signet', '', '', '{}', '', now(), t, t, t + interval '30 days'`,
    due: `now() - interval '31 days'`,
  },
  {
    table: 'auth.revocations',
    batch: expiredRevocations,
    columns: 'sequence, kind, target, expires_at',
    values: `n, 'session', n::text, t`,
  },
  { table: 'auth.attempts', batch: expiredAttempts, columns: 'key, used, resets_at', values: 'n::text, 1, t' },
  {
    table: 'auth.links',
    batch: expiredLinks,
    columns: 'purpose, user_id, email, expires_at, issuable_until',
    // Those that are not due have expired too, but can still be issued.
    values: `'password_reset', (SELECT id FROM auth.users), '', now() - interval '1 hour', t`,
  },
  { table: 'auth.assertions', batch: expiredAssertions, columns: 'id, expires_at', values: 'n::text, t' },
  {
    table: '"order".idempotency_keys',
    batch: expiredKeys('order'),
    columns: 'user_id, method, key, request, resource_id, runs, leased_until, created_at',
    values: `gen_random_uuid(), '', '', '', gen_random_uuid(), 1, now() - interval '1 hour', t - interval '1 day'`,
  },
])(
  'the sweep of $table finds 1,001 expired rows of 200,000 by an index, 1,000 at a time',
  async ({ table, batch, columns, values, due = `now() - interval '1 minute'` }) => {
    await database.pool.query(`
      INSERT INTO ${table} (${columns})
      SELECT ${values} FROM generate_series(1, ${rows}) n,
        LATERAL (SELECT CASE WHEN ${isDue} THEN ${due} ELSE now() + interval '1 hour' END AS t) times`);
    await database.pool.query(`ANALYZE ${table}`);
    const seen: Sql[] = [];
    const db = watched(database.statements, (statement) => seen.push(statement));
    expect([await batch(db, 1_000), await batch(db, 1_000), await batch(db, 1_000)]).toEqual([1_000, 1, 0]);
    const { rows: left } = await database.pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
    expect(Number(left[0]?.count)).toBe(rows - 1_001);
    const [statement] = seen;
    const plans = await Promise.all([
      database.pool.query(`EXPLAIN ${statement?.text}`, statement?.values),
      database.pool.query(`EXPLAIN (GENERIC_PLAN) ${statement?.text}`),
    ]);
    const [, name = ''] = table.split('.');
    for (const plan of plans) expect(JSON.stringify(plan.rows)).not.toMatch(new RegExp(`Seq Scan on ${name}`));
  },
);
