import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { defineStates } from '#kit/states/states.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { columns, present } from './columns.ts';
import { ascending, descending, keyset, type Order } from './keyset.ts';
import { move, moveFromAny } from './move.ts';
import { column, sql } from './sql.ts';
import { where } from './where.ts';

let fresh: FreshDatabase;
let database: Database;
let db: PrismaClient;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'store-test', log: silentLog });
  db = new PrismaClient({ adapter: database.adapter });
  await database.pool.query(`
    CREATE TABLE things (id uuid PRIMARY KEY, name text, made_at timestamptz(3), state text NOT NULL DEFAULT 'draft')`);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

interface Thing {
  readonly id: string;
  readonly name: string | null;
  readonly madeAt: Date | null;
}
const thingColumns = columns<Thing>('t', { id: true, name: true, madeAt: true });

describe('keyset', () => {
  const times = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
  const all = times.flatMap((time) => ['a', 'B', 'c'].map((name) => ({ id: randomUUID(), name, madeAt: time })));
  beforeAll(async () => {
    for (const { id, name, madeAt } of all)
      await database.pool.query('INSERT INTO things (id, name, made_at) VALUES ($1, $2, $3)', [id, name, madeAt]);
  });

  const keyOf: Record<string, (thing: Thing) => string[]> = {
    id: ({ id }) => [id],
    'time and id': ({ madeAt, id }) => [madeAt?.toISOString() ?? '', id],
    'name, in byte order, and id': ({ name, id }) => [name ?? '', id],
  };
  const orders: Record<string, Parameters<typeof ascending>> = {
    id: [['t.id', 'uuid']],
    'time and id': [
      ['t.made_at', 'timestamptz'],
      ['t.id', 'uuid'],
    ],
    'name, in byte order, and id': [
      ['t.name', 'text C'],
      ['t.id', 'uuid'],
    ],
  };
  const read = (order: Order, after: readonly string[] | undefined, take: number) =>
    db.$queryRaw<Thing[]>`
      SELECT ${thingColumns} FROM things t WHERE ${where([keyset(order, after), sql`t.made_at IS NOT NULL`])}
      ORDER BY ${order.by} LIMIT ${take}`;

  test.each(Object.keys(orders).flatMap((name) => [ascending, descending].map((make) => [name, make] as const)))(
    'consecutive pages by %s are the whole list, once',
    async (name, make) => {
      const order = make(...(orders[name] ?? [['t.id', 'uuid']]));
      const whole = await read(order, undefined, 100);
      expect(whole).toHaveLength(all.length);
      const given: Thing[] = [];
      for (;;) {
        const last = given.at(-1);
        const page = await read(order, last && keyOf[name]?.(last), 2);
        if (page.length === 0) break;
        given.push(...page);
      }
      expect(given).toEqual(whole);
    },
  );

  test('orders text C in byte order', async () => {
    const rows = await read(ascending(['t.name', 'text C'], ['t.id', 'uuid']), undefined, 100);
    expect(rows.map(({ name }) => name)).toEqual(['B', 'B', 'a', 'a', 'c', 'c']);
  });

  test.each([[[]], [['x']], [['x', 'y', 'z']]])('refuses a position with the wrong number of values: %j', (after) => {
    const order = descending(['t.made_at', 'timestamptz'], ['t.id', 'uuid']);
    let reason: unknown;
    try {
      keyset(order, after);
    } catch (error) {
      reason = reasonOf(error);
    }
    expect(reason).toBe('INVALID_ARGUMENT');
  });
});

describe('where', () => {
  const count = async (...conditions: Parameters<typeof where>[0]) => {
    const [row] = await db.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM (VALUES (1), (2), (3)) AS v (n) WHERE ${where(conditions)}`;
    return row?.count;
  };

  test('matches all rows without conditions, and skips undefined and false', async () => {
    expect(await count()).toBe(3);
    expect(await count(undefined, false, sql`n > ${1}`)).toBe(2);
  });

  test('joins conditions with AND, also one that contains OR', async () => {
    expect(await count(sql`n = ${1} OR n = ${2}`, sql`n > ${1}`)).toBe(1);
  });
});

describe('columns', () => {
  test('maps columns to properties, and null to undefined', async () => {
    const id = randomUUID();
    await database.pool.query('INSERT INTO things (id) VALUES ($1)', [id]);
    const [row] = await db.$queryRaw<Thing[]>`SELECT ${thingColumns} FROM things t WHERE t.id = ${id}::uuid`;
    expect(row).toEqual({ id, name: null, madeAt: null });
    expect(present(row as Thing)).toStrictEqual({ id, name: undefined, madeAt: undefined });
  });

  test('may be an expression', async () => {
    const list = columns<{ double: number }>('', { double: sql`${21}::int * 2` });
    expect(await db.$queryRaw`SELECT ${list}`).toEqual([{ double: 42 }]);
  });

  test.each(['a b', 'a"', 'a;--', '', 'a.b.c', '1a'])('refuses the name %j', (name) => {
    expect(() => column(name)).toThrow('is not the name of a column');
    expect(() => columns<Record<string, number>>('', { [name]: true })).toThrow('is not the name of a column');
  });
});

describe('move', () => {
  const states = defineStates({ draft: ['sent', 'lost'], sent: ['lost'], lost: [] }, ['draft']);

  test('one of fifty concurrent callers moves a row', async () => {
    const id = randomUUID();
    await database.pool.query('INSERT INTO things (id) VALUES ($1)', [id]);
    const send = move(states, 'draft', 'sent');
    const moves = Array.from(
      { length: 50 },
      () => db.$executeRaw`UPDATE things SET ${send.set} WHERE ${send.where} AND id = ${id}::uuid`,
    );
    expect((await Promise.all(moves)).filter((changed) => changed === 1)).toHaveLength(1);
  });

  test('moves a row from all states with a transition, and from no other', async () => {
    const ids = Object.fromEntries(states.all.map((state) => [state, randomUUID()]));
    for (const [state, id] of Object.entries(ids))
      await database.pool.query('INSERT INTO things (id, state) VALUES ($1, $2)', [id, state]);
    const lose = moveFromAny(states, 'lost');
    const hit = await db.$queryRaw<{ id: string }[]>`
      UPDATE things SET ${lose.set} WHERE ${lose.where} AND id = ANY (${Object.values(ids)}::uuid[]) RETURNING id`;
    expect(new Set(hit.map(({ id }) => id))).toEqual(new Set([ids['draft'], ids['sent']]));
  });

  test('refuses a transition that the table does not allow', () => {
    expect(() => move(states, 'sent', 'draft')).toThrow('no transition leads from "sent" to "draft"');
    expect(() => moveFromAny(states, 'draft')).toThrow('no transition leads to "draft"');
  });
});
