import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PrismaClient as AuthClient } from '#gen/prisma/auth/client.ts';
import { PrismaClient as UserClient } from '#gen/prisma/user/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { createAdmin } from '../../services/auth/accounts/rules/administration.ts';
import { createAdminStore } from '../../services/auth/accounts/store/administration.ts';
import { createSweep } from '../../services/user/domain/sweep.ts';
import { createProfileStore } from '../../services/user/store/profiles.ts';
import { openSystem, type System } from '../system.ts';

/** Only the id remains of a deleted account. */

let system: System;
let database: Database;

beforeAll(async () => {
  system = await openSystem();
  database = openDatabase({ url: system.database.url, applicationName: 'test', log: silentLog });
});
afterAll(async () => {
  await database.close();
  await system.close();
});

async function profileRows(ids: readonly string[]): Promise<string[]> {
  const { rows } = await database.pool.query<{ user_id: string }>(
    'SELECT user_id FROM "user".profiles WHERE user_id = ANY($1)',
    [ids],
  );
  return rows.map((row) => row.user_id);
}

/** Every value that the user service stores, as text. */
async function everythingKept(): Promise<string> {
  const { rows } = await database.pool.query<{ table_name: string }>(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = 'user' AND table_name <> '_prisma_migrations'`,
  );
  const tables = rows.map(({ table_name: name }) => `SELECT t::text AS row FROM "user"."${name}" t`);
  const kept = await database.pool.query<{ row: string }>(tables.join(' UNION ALL '));
  return kept.rows.map(({ row }) => row).join('\n');
}

function sweepOf(db: Database) {
  const sweep = createSweep({
    store: createProfileStore(new UserClient({ adapter: db.adapter })),
    accounts: createAdmin(createAdminStore(new AuthClient({ adapter: db.adapter }))),
  });
  return () => sweep(new AbortController().signal);
}

test('a read writes nothing: without a row, the profile has the name of the account', async () => {
  const ada = await system.person();
  const reads = await Promise.all(
    Array.from({ length: 50 }, () => system.rest('GET', '/users/profile', { token: ada.access })),
  );
  for (const { status, json } of reads) {
    expect([status, json]).toEqual([
      200,
      { id: ada.id, email: ada.email, name: 'Ada', bio: '', phone: '', locale: '' },
    ]);
  }
  expect(await profileRows([ada.id])).toEqual([]);
});

test('the first update creates the profile with the name of the account', async () => {
  const ada = await system.person();
  const { json } = await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: 'Mine.' } });
  expect(json).toMatchObject({ name: 'Ada', bio: 'Mine.' });
  expect(await profileRows([ada.id])).toEqual([ada.id]);
  expect((await system.rest('GET', '/users/profile', { token: ada.access })).json).toEqual(json);
});

test('nothing personal remains of 12 users who delete their accounts during 50 reads and updates', async () => {
  const users = await Promise.all(Array.from({ length: 12 }, () => system.person()));
  // In sequence: an address may open 256 connections.
  for (const [index, { access: token }] of users.entries()) {
    const body = { bio: `personal ${index}`, phone: '+4915112345678' };
    if (index % 2) await system.rest('PATCH', '/users/profile', { token, body });
    const calls = Array.from({ length: 50 }, (_, call) => {
      if (call === 10) return system.rest('DELETE', '/users/account', { token });
      return call % 2
        ? system.rest('GET', '/users/profile', { token })
        : system.rest('PATCH', '/users/profile', { token, body });
    });
    const answers = await Promise.all(calls);
    expect(answers[10]?.status).toBe(204);
    for (const { status } of answers) expect([200, 204, 401]).toContain(status);
  }
  const ids = users.map(({ id }) => id);
  expect(await profileRows(ids)).toEqual([]);
  expect(await everythingKept()).not.toMatch(/personal|4915112345678/);
  const { rows } = await database.pool.query(
    'SELECT FROM "user".owners WHERE user_id = ANY($1) AND erased_at IS NOT NULL',
    [ids],
  );
  expect(rows).toHaveLength(12);
});

test('the sweep erases a profile that could not be erased with its account', async () => {
  const ada = await system.person();
  await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: 'left behind' } });
  const holder = new Client({ connectionString: system.database.url.reveal() });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE "user".owners');
  // Waiting for the lock fails. By then the account is deleted and its owner cannot retry.
  expect((await system.rest('DELETE', '/users/account', { token: ada.access })).status).toBe(204);
  await holder.query('ROLLBACK');
  await holder.end();
  expect(await profileRows([ada.id])).toEqual([ada.id]);
  expect(system.logged()).toContain('failed to erase a profile; the sweep will retry');

  await sweepOf(database)();
  expect(await profileRows([ada.id])).toEqual([]);
});

test('the sweep keeps profiles of existing and of unknown accounts', async () => {
  const ada = await system.person();
  await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: 'Here.' } });
  // As after a restore of the auth database: no record of a deletion.
  const unknown = randomUUID();
  await database.pool.query(`INSERT INTO "user".profiles (user_id, name) VALUES ($1, 'Grace')`, [unknown]);
  await Promise.all([sweepOf(database)(), sweepOf(database)()]);
  expect(await profileRows([ada.id, unknown])).toHaveLength(2);
});

test('the sweep finds a leftover profile among more profiles than one batch', async () => {
  const ada = await system.person();
  await system.rest('DELETE', '/users/account', { token: ada.access });
  const left = ada.id;
  await database.pool.query(`
    INSERT INTO "user".profiles (user_id) SELECT uuidv7() FROM generate_series(1, 1_200)`);
  await database.pool.query(`INSERT INTO "user".profiles (user_id) VALUES ($1)`, [left]);
  await sweepOf(database)();
  expect(await profileRows([left])).toEqual([]);
});
