import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { watched } from '#kit/testing/watched.ts';
import type { AttemptKeys, AttemptStore, Budget } from './rules/limits.ts';
import { createAttemptStore } from './store.ts';

let fresh: FreshDatabase;
let database: Database;
let store: AttemptStore;
beforeAll(async () => {
  fresh = await freshDatabase();
  const options = { url: fresh.url, applicationName: 'limits', log: silentLog };
  const first = openDatabase(options);
  // Commits wait for the disk as in a new PostgreSQL; those of the tests' server do not.
  await first.pool.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$`,
  );
  await first.close();
  database = openDatabase(options);
  store = createAttemptStore(database.statements);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const freshKeys = (): Required<AttemptKeys<string>> => ({
  network: randomUUID(),
  account: randomUUID(),
  place: randomUUID(),
});

function budgetsOf(keys: AttemptKeys<string>, limits: AttemptKeys<number>): AttemptKeys<Budget> {
  const budget = (key: string, limit: number) => ({ key, limit, window: 60_000 });
  return {
    network: keys.network === undefined ? undefined : budget(keys.network, limits.network ?? 0),
    account: budget(keys.account, limits.account),
    place: budget(keys.place, limits.place),
  };
}

/** The counted attempts of the network, the account and the place; undefined without a counter. */
async function usedOf({ network, account, place }: AttemptKeys<string>): Promise<(number | undefined)[]> {
  const keys = [network, account, place];
  const { rows } = await database.pool.query<{ key: string; used: number }>(
    'SELECT key, used FROM auth.attempts WHERE key = ANY ($1)',
    [keys],
  );
  return keys.map((key) => rows.find((row) => row.key === key)?.used);
}

test('an attempt is counted by one statement, and forgiven by one', async () => {
  const seen: Sql[] = [];
  const counted = createAttemptStore(watched(database.statements, (statement) => seen.push(statement)));
  const keys = freshKeys();
  expect(await counted.reserveAll(budgetsOf(keys, { network: 1, account: 1, place: 1 }))).toEqual({});
  expect([seen.length, await usedOf(keys)]).toEqual([1, [1, 1, 1]]);
  await counted.forgive(keys, false);
  expect([seen.length, await usedOf(keys)]).toEqual([2, [0, 0, undefined]]);
});

test('of fifty concurrent attempts each counter admits its limit, and the account counts none that the network refused', async () => {
  const keys = freshKeys();
  const budgets = budgetsOf(keys, { network: 30, account: 10, place: 20 });
  const waits = await Promise.all(Array.from({ length: 50 }, () => store.reserveAll(budgets)));
  const admitted = (of: keyof AttemptKeys<string>) =>
    waits.filter((wait) => wait.network === undefined && wait[of] === undefined).length;
  expect([admitted('network'), admitted('account'), admitted('place')]).toEqual([30, 10, 20]);
  expect(await usedOf(keys)).toEqual([30, 10, 20]);
  for (const wait of waits.flatMap((each) => Object.values(each))) {
    if (wait === undefined) continue;
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
  }
});

test('without a network only the account and the place count', async () => {
  const { account, place } = freshKeys();
  const budgets = budgetsOf({ account, place }, { account: 1, place: 2 });
  expect(await store.reserveAll(budgets)).toEqual({});
  expect(await store.reserveAll(budgets)).toEqual({ account: expect.any(Number), place: undefined });
  expect(await store.reserveAll(budgets)).toEqual({ account: expect.any(Number), place: expect.any(Number) });
  expect(await usedOf({ account, place })).toEqual([undefined, 1, 2]);
  await store.forgive({ account, place }, false);
  expect(await usedOf({ account, place })).toEqual([undefined, 0, undefined]);
});

test('forgives for the account only the attempts that it counted with the place, and one that the place refused', async () => {
  const keys = freshKeys();
  const other = { ...keys, place: randomUUID() };
  const limits = { network: 100, account: 10, place: 2 };
  for (let times = 0; times < 3; times++) await store.reserveAll(budgetsOf(keys, limits));
  for (let times = 0; times < 2; times++) await store.reserveAll(budgetsOf(other, limits));
  expect(await usedOf(keys)).toEqual([5, 5, 2]);
  await store.forgive(keys, true);
  expect(await usedOf(keys), 'two with the place, and the third').toEqual([4, 2, undefined]);
  expect((await usedOf(other))[2]).toBe(2);
});

test('fifty callers that count and forgive attempts of the same account and networks do not block each other', async () => {
  const [account, networks] = [randomUUID(), [randomUUID(), randomUUID()]];
  const all = networks.map((network) => ({ network, account, place: randomUUID() }));
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const keys = all[index % 2]!;
      for (let times = 0; times < 20; times++) {
        await store.reserveAll(budgetsOf(keys, { network: 1_000, account: 1_000, place: 1_000 }));
        await store.forgive(keys, false);
      }
    }),
  );
  for (const keys of all) expect((await usedOf(keys))[0]).toBe(0);
});

test('counters do not wait for the disk, and other statements of the connection do', async () => {
  const keys = freshKeys();
  const budgets = budgetsOf(keys, { network: 9, account: 9, place: 9 });
  const read = sql`SHOW synchronous_commit`;
  const acts: ((own: AttemptStore) => Promise<unknown>)[] = [
    (own) => own.reserve(budgets.account),
    (own) => own.reserveAll(budgets),
    (own) => own.giveBack(keys.account),
    (own) => own.forgive(keys, false),
  ];
  for (const act of acts) {
    const settings = await database.statements.$transaction(async (tx) => {
      const before = await tx.$queryRaw(read);
      await act(createAttemptStore(tx));
      return [before, await tx.$queryRaw(read)];
    });
    expect(settings).toEqual([[{ synchronous_commit: 'on' }], [{ synchronous_commit: 'off' }]]);
  }
  expect(await database.statements.$queryRaw(read)).toEqual([{ synchronous_commit: 'on' }]);
});
