import { createHash, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { admin, openSystem, type System } from '../system.ts';

let system: System;
let token: string;
/** A second client that changes the same rows in one open transaction. */
let other: Client;
/** Reads the lock waits. Within a transaction, PostgreSQL would show the waits as of the first read. */
let watcher: Client;
beforeAll(async () => {
  system = await openSystem({ hashing: 'real', env: { SIGNET_DATABASE_POOL: '10' } });
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
  [other, watcher] = [new Client(connection(system.database.url)), new Client(connection(system.database.url))];
  await Promise.all([other.connect(), watcher.connect()]);
});
afterAll(async () => {
  await Promise.all([other.end(), watcher.end()]);
  await system.close();
});

const putRole = (role: string, scopes: string[]) =>
  system.rest('PUT', `/admin/roles/${role}`, { token, body: { scopes } });
const grant = (userId: string, role: string) =>
  system.rest('PUT', `/admin/users/${userId}/roles/${role}`, { token, body: {} });
const lockUser = (userId: string) => other.query('SELECT 1 FROM auth.users WHERE id = $1 FOR NO KEY UPDATE', [userId]);

/** Resolves once the given number of backends wait for a lock. */
const waitFor = (count: number) =>
  expect
    .poll(async () => {
      const { rows } = await watcher.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length;
    })
    .toBe(count);

test('granting a role that the user already has does not wait for a deletion of the role', async () => {
  const { id } = await system.person();
  await putRole('reader', ['read']);
  await grant(id, 'reader');
  await other.query('BEGIN');
  await other.query(`DELETE FROM auth.roles WHERE name = 'reader'`);
  const { status, json } = await grant(id, 'reader');
  await lockUser(id);
  await other.query('ROLLBACK');
  expect([status, json.roles]).toEqual([200, ['reader', 'user']]);
});

test('using a reset link waits for the account lock before it takes the link', async () => {
  const { id, email } = await system.person();
  const link = system.secret(randomBytes(32).toString('base64url'));
  await other.query(
    `INSERT INTO auth.links (hash, purpose, user_id, email, expires_at)
     VALUES ($1, 'password_reset', $2, $3, now() + interval '30 minutes')`,
    [createHash('sha256').update(link).digest(), id, email],
  );
  await other.query('BEGIN');
  await lockUser(id);
  const password = system.secret('a password that nobody has had yet');
  const using = system.rest('POST', '/auth/password/reset', { body: { token: link, new_password: password } });
  await waitFor(1);
  await other.query('DELETE FROM auth.links WHERE user_id = $1', [id]);
  await other.query('COMMIT');
  expect((await using).json.code, 'the newer link replaced it').toBe('INVALID_LINK');
});

test('reducing or deleting a role of many users writes one revocation, and their tokens are refused', async () => {
  const users = await Promise.all([system.person(), system.person()]);
  await putRole('crowd', ['read', 'write']);
  const held: { access_token: string; refresh_token: string }[] = [];
  for (const { id, refresh } of users) {
    await grant(id, 'crowd');
    held.push((await system.rest('POST', '/auth/refresh', { body: { refresh_token: refresh } })).json);
  }
  for (const one of held) [one.access_token, one.refresh_token].forEach(system.secret);
  await other.query(
    `INSERT INTO auth.users (id, email, name, password_hash, roles)
     SELECT gen_random_uuid(), 'crowd' || n || '@example.com', 'n', 'none', '{crowd,user}' FROM generate_series(1, 5000) n`,
  );
  const revocations = async () =>
    (await other.query(`SELECT count(*)::int AS count FROM auth.revocations`)).rows[0].count as number;
  const status = async (access: string) => (await system.rest('GET', '/auth/verify', { token: access })).status;

  const before = await revocations();
  expect((await putRole('crowd', ['read', 'write', 'more'])).status).toBe(200);
  expect(await revocations(), 'an added scope revokes nothing').toBe(before);
  expect((await putRole('crowd', ['read'])).status).toBe(200);
  expect(await revocations()).toBe(before + 1);
  for (const one of held) {
    await expect.poll(() => status(one.access_token), { interval: 10 }).toBe(401);
    const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: one.refresh_token } });
    Object.assign(one, json);
    [one.access_token, one.refresh_token].forEach(system.secret);
    expect(await status(one.access_token), 'the next token is valid at once').toBe(200);
  }

  const deleted = await system.rest('DELETE', '/admin/roles/crowd', { token });
  expect(deleted.status, deleted.text).toBe(204);
  expect(await revocations()).toBe(before + 2);
  for (const one of held) await expect.poll(() => status(one.access_token), { interval: 10 }).toBe(401);
  const left = await other.query(`SELECT 1 FROM auth.users WHERE 'crowd' = ANY (roles)`);
  expect(left.rows).toEqual([]);
});

test('a call that waits too long for a row lock fails with 503 and does not block other calls', async () => {
  const [held, bystander] = [await system.person(), await system.person()];
  await other.query('BEGIN');
  await lockUser(held.id);
  const waiting = Array.from({ length: 14 }, () =>
    system.rest('POST', `/admin/users/${held.id}:signOut`, { token, body: {} }),
  );
  await waitFor(10);
  const body = { refresh_token: bystander.refresh };
  const { status, json } = await system.rest('POST', '/auth/refresh', { body });
  [json.access_token, json.refresh_token].forEach(system.secret);
  for (const answer of await Promise.all(waiting)) {
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'SERVICE_UNAVAILABLE',
      '1',
    ]);
  }
  await other.query('ROLLBACK');
  expect(status).toBe(200);
});
