import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { sweep } from '#kit/work/sweep.ts';
import { system } from '../../audit/rules/events.ts';
import { createSessionStore } from './sessions.ts';
import { endedSessions } from './sweep.ts';

let fresh: FreshDatabase;
let database: Database;
beforeEach(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'sweep-test', log: silentLog });
  await database.pool.query(
    `INSERT INTO auth.users (id, email, name, roles) VALUES ($1, 'a@example.com', 'Ada', '{user}')`,
    [userId],
  );
});
afterEach(async () => {
  await database.close();
  await fresh.drop();
});

const userId = '018f0000-0000-7000-8000-000000000001';
const day = 86_400_000;
const limits = { limit: 100, idle: 7 * day, max: 90 * day, grace: 10_000, replay: 'audit' } as const;
const clientId = 'signet';
const secret = new Secret(new Uint8Array(randomBytes(32)));

const inner = new Uint8Array(randomBytes(16));

/** The MAC of a refresh token, as the store computes it. */
function macOf(text: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(secret.reveal()).update(text).digest());
}

/** Opens a session, and returns its id. */
async function open(): Promise<string> {
  const account = { id: userId, email: 'a@example.com', name: 'Ada', roles: ['user'], createdAt: new Date() };
  const authentication = { account, amr: ['pwd'], authTime: new Date(), credentialsVersion: 0, isKnownPlace: true };
  const id = uuidv7();
  const store = createSessionStore(database.statements, limits);
  const session = { id, authentication, clientId, deviceLabel: '', secret };
  expect(await store.open(session, system)).toBeDefined();
  return id;
}

/** Sets times of a session, in days from now. */
async function set(id: string, times: { idle?: number; max?: number; revoked?: number; sweep?: number }) {
  await database.pool.query(
    `UPDATE auth.sessions SET idle_expires_at = coalesce(now() + $2::float8 * interval '1 day', idle_expires_at),
       expires_at = coalesce(now() + $3::float8 * interval '1 day', expires_at),
       revoked_at = coalesce(now() + $4::float8 * interval '1 day', revoked_at),
       sweep_at = coalesce(now() + $5::float8 * interval '1 day', sweep_at) WHERE id = $1`,
    [id, times.idle, times.max, times.revoked, times.sweep],
  );
}

/** Days from now to the next look at a session; undefined if it is deleted. */
async function nextLook(id: string): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ days: number }>(
    `SELECT extract(epoch FROM sweep_at - now())::float8 / 86400 AS days FROM auth.sessions WHERE id = $1`,
    [id],
  );
  return rows[0]?.days;
}

const run = () => sweep(database.statements, 'sessions', endedSessions);

test('a new session is first looked at after 30 days', async () => {
  const id = await open();
  expect(await nextLook(id)).toBeCloseTo(30, 2);
  expect(await run()).toBe(0);
});

const second = 1 / 86_400;
test.each(['idle', 'max', 'revoked'] as const)(
  'a session that ended (%s) is kept for 30 days, looked at then, and deleted',
  async (ended) => {
    const [kept, old] = [await open(), await open()];
    await set(kept, { [ended]: -30 + 60 * second, sweep: -second });
    await set(old, { [ended]: -30 - second, sweep: -second });
    expect(await run()).toBe(2);
    expect([await nextLook(kept), await nextLook(old)]).toEqual([expect.closeTo(60 * second, 3), undefined]);
  },
);

test('a live session is kept, and looked at after another 30 days at most, so that its end is not missed', async () => {
  const [abandoned, used] = [await open(), await open()];
  await set(abandoned, { idle: -10, sweep: -second });
  await set(used, { idle: 7, sweep: -second });
  expect(await run()).toBe(2);
  expect(await nextLook(abandoned)).toBeCloseTo(20, 2);
  expect(await nextLook(used)).toBeCloseTo(30, 2);
  expect(await run()).toBe(0);
});

test('a refresh changes no indexed column: its update is HOT, and one of `sweep_at` is not', async () => {
  const sessionId = await open();
  const counts = await database.statements.$transaction(async (tx) => {
    const store = createSessionStore({ ...tx, $transaction: (inside) => inside(tx) }, limits);
    for (let counter = 0; counter < 5; counter++) {
      const token = { clientId, sessionId, counter, inner, mac: macOf(inner) };
      expect(await store.advance(token, { ...system, agent: '' })).toMatchObject({ outcome: 'refreshed' });
    }
    await tx.$executeRaw`UPDATE auth.sessions SET sweep_at = now()`;
    return tx.$queryRaw`
      SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS hot FROM pg_stat_xact_user_tables
      WHERE schemaname = 'auth' AND relname = 'sessions'`;
  });
  expect(counts).toEqual([{ updated: 6, hot: 5 }]);
});
