import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { domainServices, type ServiceName } from '../../services/registry.ts';
import { openSystem, type System } from '../system.ts';

/** Only the id remains of a deleted account. */

/** The services that erase the data of deleted accounts. */
const erasing = domainServices
  .filter(({ consumes }) => consumes['auth']?.includes(UserDeletedSchema))
  .map(({ name }) => name as ServiceName)
  .toSorted();

let system: System;
let database: Database;

beforeAll(async () => {
  system = await openSystem({ services: erasing });
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

/** The number of accounts whose data the user service has erased. */
async function erased(ids: readonly string[]): Promise<number> {
  const { rows } = await database.pool.query(
    'SELECT FROM "user".owners WHERE user_id = ANY($1) AND erased_at IS NOT NULL',
    [ids],
  );
  return rows.length;
}

const expectSoon = (value: () => unknown) => expect.poll(value, { interval: 20 });

test('a new account has a profile row, which has the name of the account', async () => {
  const ada = await system.person();
  await expectSoon(() => profileRows([ada.id])).toEqual([ada.id]);
  const { json } = await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: 'Mine.' } });
  expect(json).toMatchObject({ name: 'Ada', bio: 'Mine.' });
  expect((await system.rest('GET', '/users/profile', { token: ada.access })).json).toEqual(json);
});

test('a read writes nothing, even where the row is missing', async () => {
  const ada = await system.person();
  await expectSoon(() => profileRows([ada.id])).toEqual([ada.id]);
  await database.pool.query('DELETE FROM "user".profiles WHERE user_id = $1', [ada.id]);
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
  await expectSoon(() => erased(ids)).toBe(12);
  expect(await profileRows(ids)).toEqual([]);
  expect(await everythingKept()).not.toMatch(/personal|4915112345678/);
});

test('an erasure that fails is repeated until it succeeds; support sees which service has confirmed', async () => {
  const ada = await system.person();
  const { access: token } = await system.staff('support');
  const progress = () => system.rest('GET', `/admin/erasures/${ada.id}`, { token });
  await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: 'left behind' } });
  expect((await progress()).status).toBe(404);
  const holder = new Client({ connectionString: system.database.url.reveal() });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE "user".owners');
  expect((await system.rest('DELETE', '/users/account', { token: ada.access })).status).toBe(204);
  const { status, json } = await progress();
  expect([status, json]).toEqual([
    200,
    {
      user_id: ada.id,
      requested_at: expect.any(String),
      services: erasing.map((service) => expect.objectContaining({ service })),
    },
  ]);
  expect(json.services).toContainEqual({ service: 'user' });
  await expectSoon(() => system.logged()).toContain('an event cannot be applied; it is tried again');
  await holder.query('ROLLBACK');
  await holder.end();
  await expectSoon(async () => (await progress()).json.completed_at).toBeDefined();
  expect(await profileRows([ada.id])).toEqual([]);
  expect((await progress()).json.services).toEqual(
    erasing.map((service) => ({ service, done_at: expect.any(String) })),
  );
});
