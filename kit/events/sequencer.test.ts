import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { sql } from '#kit/store/sql.ts';
import { createSequencer, eventSequence, numbering } from './sequencer.ts';
import { deleted, type EventDatabase, openEventDatabase, record } from './testing/rig.ts';

let events: EventDatabase;
let number: () => Promise<number>;
beforeEach(async () => {
  events = await openEventDatabase();
  number = createSequencer(events.db, eventSequence('auth'));
});
afterEach(() => events.close());

/** The log as a reader sees it. */
async function log(): Promise<string[]> {
  const rows = await events.rows<{ position: string; subject: string }>(
    'SELECT position, subject FROM auth.events WHERE position IS NOT NULL ORDER BY position',
  );
  return rows.map(({ position, subject }) => `${position} ${subject}`);
}

/** Begins a transaction that records; the function that is answered commits it. */
async function begin(subject: string): Promise<() => Promise<void>> {
  const written = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const over = events.db.$transaction(async (tx) => {
    await record(tx, deleted(subject));
    written.resolve();
    await commit.promise;
  });
  await written.promise;
  return async () => {
    commit.resolve();
    await over;
  };
}

test('a row that commits late is neither lost nor before what was read', async () => {
  const commitLate = await begin('late');
  await events.tell('early');
  await number();
  expect(await log()).toEqual(['1 early']);
  await commitLate();
  await number();
  expect(await log()).toEqual(['1 early', '2 late']);
  // What a reader by `n` that had seen the early one would have missed.
  const missed = await events.rows(
    'SELECT FROM auth.events e WHERE n < (SELECT n FROM auth.events WHERE position = 1)',
  );
  expect(missed).toHaveLength(1);
});

test('events about one thing keep their order, also where the transaction of the second one began first', async () => {
  await events.rows('CREATE TABLE auth.things (version int)');
  await events.rows('INSERT INTO auth.things VALUES (0)');
  const change = async (tx: Parameters<typeof record>[0], subject: string) => {
    await tx.$executeRaw(sql`UPDATE auth.things SET version = version + 1`);
    await record(tx, deleted(subject));
  };
  await events.db.$transaction(async (outer) => {
    // It has a transaction id by now, the lower one of the two.
    await outer.$executeRaw(sql`SELECT pg_current_xact_id()::text`);
    await events.db.$transaction((inner) => change(inner, 'first'));
    await change(outer, 'second');
  });
  await number();
  expect(await log()).toEqual(['1 first', '2 second']);
});

test('a transaction that is rolled back leaves no event and no gap', async () => {
  await events.tell('first');
  const undone = events.db.$transaction(async (tx) => {
    await record(tx, deleted('undone'));
    throw new Error('undo');
  });
  await expect(undone).rejects.toThrow('undo');
  await events.tell('second');
  await number();
  expect(await log()).toEqual(['1 first', '2 second']);
});

test('fifty writers and several sequencers at once: no gap, and each event once', async () => {
  const small = Array.from({ length: 4 }, () => createSequencer(events.db, eventSequence('auth'), 3));
  const over = new AbortController();
  const sequencing = small.map(async (run) => {
    let total = 0;
    while (!over.signal.aborted) total += await run();
    return total;
  });
  const writers = Array.from({ length: 50 }, async (_, writer) => {
    for (let count = 0; count < 6; count++) await events.tell(`${writer}:${count}`);
  });
  await Promise.all(writers);
  over.abort();
  let total = (await Promise.all(sequencing)).reduce((sum, count) => sum + count, 0);
  for (let count = -1; count !== 0;) total += count = await number();
  expect(total).toBe(300);
  const seen = await log();
  expect(seen.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: 300 }, (_, place) => place + 1));
  for (let writer = 0; writer < 50; writer++) {
    const own = seen.filter((line) => line.split(' ')[1]?.startsWith(`${writer}:`));
    expect(own.map((line) => line.split(':')[1])).toEqual(['0', '1', '2', '3', '4', '5']);
  }
  expect(await events.rows('SELECT position FROM auth.event_head')).toEqual([{ position: '300' }]);
});

test('a sequencer that waited for another numbers what is new, behind what the other one numbered', async () => {
  await events.tell('one');
  const other = new Client(connection(events.fresh.url));
  await other.connect();
  // The other one stands between its lock and its commit.
  await other.query('BEGIN');
  await other.query('SELECT FROM auth.event_head FOR UPDATE');
  const waiting = number();
  await expect.poll(() => events.rows(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).toHaveLength(1);
  await other.query('UPDATE auth.events SET position = 1');
  await other.query('UPDATE auth.event_head SET position = 1');
  await other.query('COMMIT');
  await other.end();
  expect(await waiting, 'it saw the row without a position').toBe(0);
  await events.tell('two');
  expect(await number()).toBe(1);
  expect(await log()).toEqual(['1 one', '2 two']);
});

test('without anything to number, it takes no lock', async () => {
  const other = new Client(connection(events.fresh.url));
  await other.connect();
  await other.query('BEGIN');
  await other.query('SELECT FROM auth.event_head FOR UPDATE');
  expect(await number()).toBe(0);
  await other.query('ROLLBACK');
  await other.end();
});

describe('while an old snapshot is in use, such as that of a backup', () => {
  let backup: Client;
  beforeEach(() => {
    backup = new Client(connection(events.fresh.url));
  });
  afterEach(() => backup.end());

  /** Numbers so many events, whose dead entries stay in the index of rows without a number. */
  async function numberMany(count: number): Promise<void> {
    await backup.connect();
    await backup.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await backup.query('SELECT FROM auth.events');
    await events.rows(`INSERT INTO auth.events (id, type, subject, data)
      SELECT gen_random_uuid(), 'user.deleted', i::text, '' FROM generate_series(1, ${count}) i`);
    while ((await number()) > 0);
  }

  /** A search, and how many entries of the index it read. */
  function search(everything: boolean): Promise<{ count: number; read: number }> {
    return events.database.statements.$transaction(async (tx) => {
      const readSoFar = async () => {
        const [stats] = await tx.$queryRaw<{ read: number }[]>`
          SELECT pg_stat_get_xact_tuples_returned('auth.events_unnumbered'::regclass)::int AS read`;
        return stats?.read ?? Number.NaN;
      };
      const before = await readSoFar();
      const count = await createSequencer(tx, eventSequence('auth'))(everything);
      return { count, read: (await readSoFar()) - before };
    });
  }

  test('a search that is not for everything passes only the last entries', async () => {
    await numberMany(30_000);
    await events.tell('new');
    const quick = await search(false);
    expect(quick.count).toBe(1);
    // It passes the entries to find that there is a row, and to number it.
    expect(quick.read).toBeLessThan(2 * 10_000 + 100);
    const idle = await search(false);
    expect([idle.count, idle.read < 10_000 + 100]).toEqual([0, true]);
    const slow = await search(true);
    expect([slow.count, slow.read >= 30_000]).toEqual([0, true]);
  });

  test('it finds an event that commits after 9,999 later ones, and a search for everything any', async () => {
    const [commitBeyond, commitWithin] = [await begin('beyond'), await begin('within')];
    await numberMany(9_999);
    await commitBeyond();
    expect((await search(false)).count).toBe(0);
    await commitWithin();
    expect((await search(false)).count).toBe(1);
    expect((await search(true)).count).toBe(1);
    expect((await log()).slice(-2)).toEqual(['10000 within', '10001 beyond']);
  });
});

test('a search is for everything where the last numbered row was deleted', async () => {
  await events.tell('one');
  await number();
  await events.rows('DELETE FROM auth.events');
  await events.tell('two');
  expect(await createSequencer(events.db, eventSequence('auth'))(false)).toBe(1);
  expect(await log()).toEqual(['2 two']);
});

test('numbering looks for everything once a period, and less often where that is slow', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const asked: boolean[] = [];
  let takes = 1;
  const work = numbering(
    'number',
    100,
    async (everything = true) => {
      asked.push(everything);
      if (everything) vi.advanceTimersByTime(takes);
      return 0;
    },
    () => undefined,
  );
  const runAfter = async (ms: number) => {
    vi.advanceTimersByTime(ms);
    await work.run(new AbortController().signal);
  };
  for (const ms of [0, 10, 80, 99]) await runAfter(ms);
  expect(asked.splice(0), 'woken after 10 ms, and then after a period').toEqual([true, false, true, true]);
  takes = 500;
  for (const ms of [99, 99, 4_400, 2]) await runAfter(ms);
  expect(asked, 'nine times as long as the search took').toEqual([true, false, false, true]);
});
