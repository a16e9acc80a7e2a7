import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { isDatabaseAway } from '#kit/errors/away.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Database, openDatabase } from './database.ts';

let fresh: FreshDatabase;
let database: Database;
let prisma: PrismaClient;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'statements-test', log: silentLog, max: 4 });
  prisma = new PrismaClient(database.prisma);
  await database.pool.query('CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL)');
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

describe("reads values as Prisma's client does", () => {
  test.each([
    `9007199254740993::int8`,
    `ARRAY[1, NULL, 9007199254740993]::int8[]`,
    `7::int4`,
    `1.5::float8`,
    `NULL::text`,
    `'text'::text`,
    `ARRAY['a', 'b,"c']::text[]`,
    `'{}'::text[]`,
    `true`,
    `'2026-11-26T12:34:56.789Z'::timestamptz(3)`,
    `'0001-01-01T00:00:00Z'::timestamptz`,
    `'{"a": [1, null]}'::jsonb`,
    `'0190d5c5-ac5d-7d2a-9b0a-1b2c3d4e5f60'::uuid`,
  ])('%s', async (expression) => {
    const text = Object.assign([`SELECT ${expression} AS value`], { raw: [] });
    const [own] = await database.statements.$queryRaw<{ value: unknown }[]>(text);
    const [theirs] = await prisma.$queryRaw<{ value: unknown }[]>(text);
    expect(own).toEqual(theirs);
  });

  test('bytea as bytes', async () => {
    const [row] = await database.statements.$queryRaw<{ value: Uint8Array }[]>`SELECT '\\x00ff'::bytea AS value`;
    expect(row?.value).toBeInstanceOf(Uint8Array);
    expect([...(row?.value ?? [])]).toEqual([0, 255]);
  });
});

test("sends values as Prisma's client does", async () => {
  const at = new Date('2026-11-26T12:34:56.789Z');
  const echo = (db: Statements) => db.$queryRaw<object[]>`
    SELECT ${at}::timestamptz AS at, ${['a', 'b,"c']}::text[] AS list, ${2n ** 60n}::int8 AS big,
           ${new Uint8Array([0, 255])}::bytea = '\\x00ff' AS bytes, ${null}::text AS nothing, ${true}::bool AS yes`;
  expect(await echo(database.statements)).toEqual(await echo(prisma));
});

test('a host whose name is unknown is an unavailable database', async () => {
  const away = openDatabase({
    url: new Secret('postgres://signet@no-such-host.invalid/signet'),
    applicationName: 'away-test',
    log: silentLog,
  });
  for (const attempt of [
    () => away.statements.$queryRaw`SELECT 1`,
    () => away.statements.$transaction(async () => 1),
  ]) {
    expect(isDatabaseAway(await attempt().catch((error: unknown) => error))).toBe(true);
  }
  await away.close();
});

test.each(['numeric', 'date', 'timestamp', 'time'])(
  'refuses to return a %s, which pg reads differently',
  async (type) => {
    const text = type === 'numeric' ? '1.5' : '2026-11-26 12:00:00';
    await expect(database.statements.$queryRaw(sql`SELECT ${text}::text::${sql([type])} AS value`)).rejects.toThrow(
      `a statement returns a ${type}`,
    );
    expect(await database.statements.$queryRaw`SELECT 1 AS one`, 'the connection is still usable').toEqual([
      { one: 1 },
    ]);
  },
);

test('prepares a statement once per connection, and none if that is switched off', async () => {
  const count = async (prepared: boolean) => {
    const one = openDatabase({ url: fresh.url, applicationName: 'prepared-test', log: silentLog, max: 1, prepared });
    try {
      for (let n = 0; n < 3; n += 1) await one.statements.$queryRaw`SELECT ${n}::int AS n`;
      const [row] = (await one.pool.query(`SELECT count(*)::int AS n FROM pg_prepared_statements`)).rows as {
        n: number;
      }[];
      return row?.n;
    } finally {
      await one.close();
    }
  };
  expect(await count(true)).toBe(1);
  expect(await count(false)).toBe(0);
});

test('runs the text of a library with numbered placeholders', async () => {
  const rows = await database.statements.$queryRawUnsafe('SELECT $2::int - $1::int AS n', 1, 3);
  expect(rows).toEqual([{ n: 2 }]);
});

describe('a transaction', () => {
  const valueOf = async (name: string) =>
    (await database.statements.$queryRaw<{ n: number }[]>`SELECT n FROM counters WHERE name = ${name}`)[0]?.n;
  const insert = (db: Statements, name: string) => db.$executeRaw`INSERT INTO counters VALUES (${name}, 0)`;

  test('commits and returns the result of its function', async () => {
    const outcome = await database.statements.$transaction(async (tx) => {
      expect(await insert(tx, 'committed')).toBe(1);
      expect(await valueOf('committed'), 'not visible outside before the commit').toBeUndefined();
      return 'done';
    });
    expect([outcome, await valueOf('committed')]).toEqual(['done', 0]);
  });

  test('is rolled back if its function throws, and throws the same error', async () => {
    const error = new Error('no');
    const attempt = database.statements.$transaction(async (tx) => {
      await insert(tx, 'thrown');
      throw error;
    });
    await expect(attempt).rejects.toBe(error);
    expect(await valueOf('thrown')).toBeUndefined();
  });

  test('fails if a statement failed whose error its function caught', async () => {
    const attempt = database.statements.$transaction(async (tx) => {
      await insert(tx, 'caught');
      await tx.$queryRaw`SELECT 1 / 0`.catch(() => undefined);
    });
    await expect(attempt).rejects.toThrow('the transaction was rolled back');
    expect(await valueOf('caught')).toBeUndefined();
  });

  test.each([
    ['at its next statement', (tx: Statements) => insert(tx, 'later')],
    ['at its commit', async () => undefined],
  ])('past its timeout is rolled back %s, as an unavailable database', async (_, last) => {
    const attempt = database.statements.$transaction(
      async (tx) => {
        await insert(tx, 'late');
        await tx.$queryRaw`SELECT pg_sleep(0.1)::text`;
        await last(tx);
      },
      { timeout: 50 },
    );
    const error: unknown = await attempt.catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('The transaction took longer than 50 ms');
    expect(isDatabaseAway(error)).toBe(true);
    expect([await valueOf('late'), await valueOf('later')]).toEqual([undefined, undefined]);
  });

  test.each([
    [{}, [0, 1]],
    [{ isolationLevel: 'RepeatableRead' } as const, [0, 0]],
  ])('with %o sees of a concurrent change %o', async (options, expected) => {
    const name = JSON.stringify(options);
    await insert(database.statements, name);
    const seen = await database.statements.$transaction(async (tx) => {
      const read = async () => (await tx.$queryRaw<{ n: number }[]>`SELECT n FROM counters WHERE name = ${name}`)[0]?.n;
      const before = await read();
      await database.statements.$executeRaw`UPDATE counters SET n = 1 WHERE name = ${name}`;
      return [before, await read()];
    }, options);
    expect(seen).toEqual(expected);
  });

  test('of fifty callers at once lose no change, and return their connections', async () => {
    await insert(database.statements, 'many');
    const increment = () =>
      database.statements.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ n: number }[]>`SELECT n FROM counters WHERE name = 'many' FOR UPDATE`;
        await tx.$executeRaw`UPDATE counters SET n = ${(row?.n ?? 0) + 1} WHERE name = 'many'`;
      });
    await Promise.all(Array.from({ length: 50 }, increment));
    expect(await valueOf('many')).toBe(50);
    expect(database.pool.idleCount).toBe(database.pool.totalCount);
  });

  test('whose connection is lost fails as an unavailable database, and the next one works', async () => {
    const attempt = database.statements.$transaction(async (tx) => {
      await insert(tx, 'lost');
      const [own] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
      await database.statements.$queryRaw`SELECT pg_terminate_backend(${own?.pid}::int)`;
      await tx.$executeRaw`SELECT 1`;
    });
    const error: unknown = await attempt.catch((thrown: unknown) => thrown);
    expect(isDatabaseAway(error)).toBe(true);
    await database.statements.$transaction((tx) => insert(tx, 'next'));
    expect([await valueOf('lost'), await valueOf('next')]).toEqual([undefined, 0]);
  });
});
