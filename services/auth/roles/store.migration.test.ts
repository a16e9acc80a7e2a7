import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { emptyDatabase } from '#kit/testing/postgres.ts';

const reserving = '20261126010000_reserved_scopes';

test('a role with a reserved scope loses it, and its tokens are revoked', async () => {
  const database = await emptyDatabase();
  const { schema, directory } = migrationsOf('auth');
  const before = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  for (const name of await readdir(directory)) {
    if (name < reserving || name === 'migration_lock.toml')
      await cp(path.join(directory, name), path.join(before, name), { recursive: true });
  }
  await migrate({ url: database.url, schema, directory: before, log: silentLog });
  const db = new Client(connection(database.url));
  await db.connect();
  await db.query(`INSERT INTO auth.roles (name, scopes) VALUES
    ('forger', '{a,signet:admin,z}'), ('plain', '{admin,profile}'), ('bare', '{}')`);
  await migrate({ url: database.url, schema, directory, log: silentLog });
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
  await rm(before, { recursive: true });
});
