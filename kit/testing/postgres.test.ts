import { Client } from 'pg';
import { expect, test } from 'vitest';
import { emptyDatabase, freshDatabase } from './postgres.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const insert = `INSERT INTO "user".profiles (user_id) VALUES ('018f0000-0000-7000-8000-000000000000')`;

test("a fresh database has all services' tables and no rows", async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  await query(one.url.reveal(), insert);
  expect(await query(one.url.reveal(), 'SELECT * FROM "user".profiles')).toHaveLength(1);
  expect(await query(two.url.reveal(), 'SELECT * FROM "user".profiles')).toHaveLength(0);
  expect(await query(two.url.reveal(), 'SELECT * FROM auth.sessions')).toHaveLength(0);
  await Promise.all([one.drop(), two.drop()]);
});

test('creates twenty fresh databases at once', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, () => freshDatabase()));
  expect(new Set(made.map(({ url }) => url.reveal())).size).toBe(20);
  await Promise.all(made.map((database) => database.drop()));
});

test('an empty database has no tables', async () => {
  const { url, drop } = await emptyDatabase();
  expect(await query(url.reveal(), `SELECT to_regclass('auth.users') AS found`)).toEqual([{ found: null }]);
  await drop();
});

test('drop closes the connections of a database', async () => {
  const { url, drop } = await freshDatabase();
  const client = new Client(url.reveal());
  const lost = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await drop();
  await lost;
  await expect(query(url.reveal(), 'SELECT 1')).rejects.toThrow('does not exist');
});
