import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { sql } from '#kit/store/sql.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { pgbouncerProgram, startPgBouncer } from '#kit/testing/pgbouncer.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { deleteExpired, sweep, type SweepBatch } from './sweep.ts';

let fresh: FreshDatabase;
let database: Database;
beforeEach(async () => {
  fresh = await emptyDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'sweep-test', log: silentLog });
  await database.pool.query('CREATE TABLE things (id int PRIMARY KEY, expires_at timestamptz NOT NULL)');
});
afterEach(async () => {
  await database.close();
  await fresh.drop();
});

const expired = deleteExpired({
  table: sql`things t`,
  by: sql`t.expires_at`,
  isExpired: sql`t.expires_at < now()`,
});

/** Things with ids from 1, the expired ones first. */
async function add(old: number, young = 0): Promise<void> {
  await database.pool.query(
    `INSERT INTO things SELECT n, now() + interval '1 day' * CASE WHEN n <= $1::int THEN -1 ELSE 1 END
     FROM generate_series(1, $1::int + $2::int) n`,
    [old, young],
  );
}

async function left(): Promise<number[]> {
  return (await database.pool.query<{ id: number }>('SELECT id FROM things ORDER BY id')).rows.map(({ id }) => id);
}

/** A batch that also records how many rows it deleted. */
function counted(): { batch: SweepBatch; sizes: number[] } {
  const sizes: number[] = [];
  return {
    sizes,
    async batch(tx, limit) {
      const size = await expired(tx, limit);
      sizes.push(size);
      return size;
    },
  };
}

test.each([
  { rows: 999, sizes: [999] },
  { rows: 1_000, sizes: [1_000, 0] },
  { rows: 1_001, sizes: [1_000, 1] },
])('deletes $rows expired rows in batches of at most 1,000, and no other row', async ({ rows, sizes }) => {
  await add(rows, 1);
  const counts = counted();
  expect(await sweep(database.statements, 'things', counts.batch, { pause: 0 })).toBe(rows);
  expect([counts.sizes, await left()]).toEqual([sizes, [rows + 1]]);
});

test.each([
  { rows: 6, remaining: 0 },
  { rows: 7, remaining: 1 },
])('a run of 3 batches of 2 leaves $remaining of $rows rows to the next', async ({ rows, remaining }) => {
  await add(rows);
  expect(await sweep(database.statements, 'things', expired, { limit: 2, batches: 3, pause: 0 })).toBe(6);
  expect(await left()).toHaveLength(remaining);
});

test('pauses after a full batch, and an abort ends the pause and the run', async () => {
  await add(5);
  const closing = new AbortController();
  const full = Promise.withResolvers<undefined>();
  const batch: SweepBatch = async (tx, limit) => {
    const size = await expired(tx, limit);
    full.resolve(undefined);
    return size;
  };
  const options = { limit: 2, pause: 3_600_000, signal: closing.signal };
  const running = sweep(database.statements, 'things', batch, options);
  await full.promise;
  closing.abort();
  expect([await running, await left()]).toEqual([2, [3, 4, 5]]);
  expect(await sweep(database.statements, 'things', batch, options)).toBe(0);
});

test('while a batch runs, another run of that name does nothing, and one of another name runs', async () => {
  await add(3);
  const [begun, end] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const first = sweep(database.statements, 'things', async (tx, limit) => {
    begun.resolve(undefined);
    await end.promise;
    return expired(tx, limit);
  });
  await begun.promise;
  const counts = counted();
  expect(await sweep(database.statements, 'things', counts.batch)).toBe(0);
  expect(counts.sizes).toEqual([]);
  expect(await sweep(database.statements, 'others', async () => 7)).toBe(7);
  end.resolve(undefined);
  expect([await first, await left()]).toEqual([3, []]);
});

test('a batch that fails is rolled back and frees the lock', async () => {
  await add(3);
  const failing = sweep(database.statements, 'things', async (tx, limit) => {
    await expired(tx, limit);
    throw new Error('broken');
  });
  await expect(failing).rejects.toThrow('broken');
  expect(await left()).toEqual([1, 2, 3]);
  expect(await sweep(database.statements, 'things', expired)).toBe(3);
});

test('skips a row that another transaction has locked', async () => {
  await add(3);
  await database.statements.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM things WHERE id = 2 FOR UPDATE`;
    expect(await sweep(database.statements, 'things', expired)).toBe(2);
  });
  expect(await left()).toEqual([2]);
});

test.each([0, -1, 1.5, Number.NaN])('refuses a limit of %s', async (limit) => {
  await expect(sweep(database.statements, 'things', expired, { limit })).rejects.toThrow(RangeError);
});

describeWith([pgbouncerProgram], 'PgBouncer in transaction mode', () => {
  test('three replicas delete each row once, one at a time, and keep no lock', async () => {
    await add(50);
    const pooler = await startPgBouncer(fresh.url, { pool_mode: 'transaction', default_pool_size: 4 });
    const replicas = Array.from({ length: 3 }, (_, n) =>
      openDatabase({ url: pooler.url, applicationName: `replica-${n}`, log: silentLog, shared: true, prepared: false }),
    );
    onTestFinished(async () => {
      await Promise.all(replicas.map((replica) => replica.close()));
      await pooler.close();
    });
    let [atOnce, most] = [0, 0];
    const batch: SweepBatch = async (tx, limit) => {
      most = Math.max(most, (atOnce += 1));
      const size = await expired(tx, limit);
      atOnce -= 1;
      return size;
    };
    const runs = replicas.map(({ statements }) => sweep(statements, 'things', batch, { limit: 1, pause: 0 }));
    const counts = await Promise.all(runs);
    expect(counts.reduce((sum, count) => sum + count)).toBe(50);
    expect([most, await left()]).toEqual([1, []]);
    const locks = await database.pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
    expect(locks.rowCount).toBe(0);
  });
});
