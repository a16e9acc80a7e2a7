import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { assertConnections, besidePool } from './connections.ts';
import { connection } from './database.ts';

let database: FreshDatabase;
let allowed: number;
beforeAll(async () => {
  database = await freshDatabase();
  const client = new Client(connection(database.url));
  await client.connect();
  const { rows } = await client.query('SHOW max_connections');
  const reserved = await client.query('SHOW superuser_reserved_connections');
  allowed = Number(rows[0].max_connections) - Number(reserved.rows[0].superuser_reserved_connections);
  await client.end();
});
afterAll(() => database.drop());

test('services start that need all connections of the server together, and not with one more', async () => {
  const { url } = database;
  const first = { url, pool: 10 };
  const rest = { url, pool: allowed - 10 - 2 * besidePool };
  await assertConnections([first, rest]);
  await expect(assertConnections([first, { url, pool: rest.pool + 1 }])).rejects.toThrow(
    `2 services need up to ${allowed + 1} database connections, and PostgreSQL allows ${allowed}. ` +
      'Lower SIGNET_DATABASE_POOL or raise max_connections.',
  );
});
