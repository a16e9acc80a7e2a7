import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { consumerTables } from '#kit/events/tables.ts';
import { emptyDatabase, type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../testing/run.ts';

let database: FreshDatabase;
let client: Client;
beforeEach(async () => {
  database = await emptyDatabase();
  client = new Client(connection(database.url));
  await client.connect();
  await client.query('CREATE SCHEMA "user"');
  await client.query(consumerTables('user'));
  await client.query(
    `INSERT INTO "user".event_cursors VALUES ('auth', gen_random_uuid(), 7, gen_random_uuid()), ('order', NULL, 3, NULL)`,
  );
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

const adopt = (...args: string[]) =>
  run(['events', 'adopt', ...args], { environment: { DATABASE_URL: database.url.reveal() } });
const cursors = async () => (await client.query('SELECT * FROM "user".event_cursors ORDER BY source')).rows;

test('sets the cursor of one consumer for one producer, without a history', async () => {
  const { exit, stdout } = await adopt('user', 'auth', '--position', '41');
  expect([exit, stdout]).toEqual([0, 'user applies the events of auth behind position 41\n']);
  expect(await cursors()).toEqual([
    { source: 'auth', history: null, position: '41', last_id: null },
    { source: 'order', history: null, position: '3', last_id: null },
  ]);
  const again = await adopt('user', 'auth', '--position', '0', '--json');
  expect(again.json()).toEqual({ consumer: 'user', source: 'auth', position: '0' });
});

test.each<[string, string[], number, string]>([
  ['a consumer that has no database', ['edge', 'auth', '--position', '1'], 2, 'edge is no service with a database'],
  ['a source that was never followed', ['user', 'ride', '--position', '1'], 1, 'has never followed the events of ride'],
  ['no position', ['user', 'auth'], 2, '--position'],
  ['a negative position', ['user', 'auth', '--position=-1'], 2, 'a whole number'],
])('refuses %s, and changes nothing', async (_, args, code, words) => {
  const before = await cursors();
  const { exit, stderr } = await adopt(...args);
  expect([exit, stderr]).toEqual([code, expect.stringContaining(words)]);
  expect(await cursors()).toEqual(before);
});

test('shows how far each consumer is behind each producer', async () => {
  await client.end();
  await database.drop();
  database = await freshDatabase();
  client = new Client(connection(database.url));
  await client.connect();
  await client.query(`
    INSERT INTO auth.events (id, type, subject, data, at, position)
      SELECT gen_random_uuid(), 'user.registered', 'x', '', now() - interval '90 seconds', n FROM generate_series(1, 3) AS n;
    UPDATE auth.event_head SET position = 3;
    INSERT INTO "user".event_cursors (source, position) VALUES ('auth', 1);
    INSERT INTO notification.event_cursors (source, position) VALUES ('auth', 3)`);
  const lag = (...args: string[]) =>
    run(['events', 'lag', ...args], { environment: { DATABASE_URL: database.url.reveal() } });
  const { lags } = (await lag('--json')).json();
  const of = (name: string) => lags.find(({ consumer, source }: Lag) => consumer === name && source === 'auth');
  expect(of('user')).toEqual({
    consumer: 'user',
    source: 'auth',
    position: '1',
    head: '3',
    events: 2,
    seconds: expect.closeTo(90, -2),
  });
  expect(of('notification')).toMatchObject({ events: 0, seconds: 0 });
  expect(of('cart')).toMatchObject({ position: '0', events: 3 });
  expect((await lag()).stdout).toMatch(/user +auth +1 +3 +2 +\d+/);
});

interface Lag {
  readonly consumer: string;
  readonly source: string;
}
