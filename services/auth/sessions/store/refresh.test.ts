import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Sql } from '#kit/store/sql.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { watched } from '#kit/testing/watched.ts';
import { createRefresh } from './refresh.ts';

// How many statements a refresh takes: a client with forged tokens must not cost the database much more than the owner.

const day = 86_400_000;
const limits = { limit: 20, idle: day, max: day, grace: 10_000, replay: 'audit' } as const;
const place = { id: '', ip: '203.0.113.1', agent: 'Phone/1.0', requestId: '' };
const inner = new Uint8Array(randomBytes(32));
const secret = new Uint8Array(randomBytes(32));

let fresh: FreshDatabase;
let database: Database;
let sessionId: string;
const seen: Sql[] = [];
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'refresh-test', log: silentLog });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});
beforeEach(async () => {
  [sessionId, seen.length] = [uuidv7(), 0];
  const userId = uuidv7();
  await database.pool.query(`INSERT INTO auth.users (id, email, name, roles) VALUES ($1, $2, 'Ada', '{user}')`, [
    userId,
    `${userId}@example.com`,
  ]);
  await database.pool.query(
    `INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time, counter,
                                rotated_at, idle_expires_at, expires_at, sweep_at)
     VALUES ($1, $2, 'signet', '', '', '', '{pwd}', $3, now(), 3, now() - interval '1 hour', now() + interval '1 day',
             now() + interval '1 day', now() + interval '2 days')`,
    [sessionId, userId, secret],
  );
});

const mac = new Uint8Array(createHash('sha256').update(secret).update(inner).digest());
const refresh = (counter: number, by: Uint8Array<ArrayBuffer> = mac) =>
  createRefresh(
    watched(database.statements, (statement) => seen.push(statement)),
    limits,
  )({ sessionId, clientId: 'signet', counter, inner, mac: by }, place);

test.each([
  ['the current one', 3, mac, 'refreshed', 1],
  ['one ahead of the row', 7, mac, 'refreshed', 3],
  ['a forged one', 3, new Uint8Array(32), 'invalid', 2],
  ['a forged one ahead of the row', 7, new Uint8Array(32), 'invalid', 2],
] as const)('a token that is %s', async (_, counter, by, outcome, statements) => {
  expect((await refresh(counter, by)).outcome).toBe(outcome);
  expect(seen).toHaveLength(statements);
});

test('the token of a session that has ended takes two statements', async () => {
  await database.pool.query(`UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1`, [
    sessionId,
  ]);
  for (const counter of [2, 3, 4]) {
    seen.length = 0;
    expect([(await refresh(counter)).outcome, seen.length]).toEqual(['invalid', 2]);
  }
});
