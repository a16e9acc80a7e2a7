import { Client } from 'pg';
import { expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { migrateBefore, migrateRest } from '#kit/testing/earlier.ts';
import { emptyDatabase } from '#kit/testing/postgres.ts';

test('a role with a reserved scope loses it, and its tokens are revoked', async () => {
  const database = await emptyDatabase();
  await migrateBefore(database.url, 'auth', '20261126010000_reserved_scopes');
  const db = new Client(connection(database.url));
  await db.connect();
  await db.query(`INSERT INTO auth.roles (name, scopes) VALUES
    ('forger', '{a,signet:admin,z}'), ('plain', '{admin,profile}'), ('bare', '{}')`);
  await migrateRest(database.url, 'auth');
  const roles = await db.query(`SELECT name, scopes FROM auth.roles ORDER BY name`);
  expect(roles.rows).toEqual([
    { name: 'bare', scopes: [] },
    { name: 'forger', scopes: ['a', 'z'] },
    { name: 'plain', scopes: ['admin', 'profile'] },
  ]);
  const revoked = await db.query(`SELECT kind, target FROM auth.revocations`);
  expect(revoked.rows).toEqual([{ kind: 'role', target: 'forger' }]);
  await db.end();
  await database.drop();
});
