import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';

// Refresh tokens after a restore of an earlier state of the database: the row of a session is behind its newest token.

let system: System;
let db: Client;
let person: Person;
beforeAll(async () => {
  system = await openSystem();
  db = new Client({ connectionString: system.database.url.reveal() });
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});
beforeEach(async () => {
  person = await system.person();
});

async function refresh(refresh_token: string) {
  const { status, json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token } });
  if (status === 200) system.secret(json.access_token);
  return { status, code: json.code, next: status === 200 ? system.secret(json.refresh_token) : '' };
}

/** Refreshes a number of times; returns all tokens, from the first. */
async function refreshed(times: number): Promise<string[]> {
  const tokens = [person.refresh];
  for (let count = 0; count < times; count++) tokens.push((await refresh(tokens.at(-1)!)).next);
  return tokens;
}

/** Sets the session's row back to an earlier token, which was last exchanged an hour ago. */
const restore = (counter: number) =>
  db.query(
    `UPDATE auth.sessions SET counter = $2, rotated_at = now() - interval '1 hour' WHERE user_id = $1 AND revoked_at IS NULL`,
    [person.id, counter],
  );
const row = async () =>
  (await db.query('SELECT counter, revoked_reason FROM auth.sessions WHERE user_id = $1', [person.id])).rows[0];
const audited = async () =>
  (
    await db.query(`SELECT outcome, details FROM auth.audit_events WHERE kind = 'refresh_ahead' AND subject_id = $1`, [
      person.id,
    ])
  ).rows;

test('the newest token is accepted, the row jumps to it, and the audit log has both numbers', async () => {
  const tokens = await refreshed(3);
  await restore(1);
  const { status, next } = await refresh(tokens[3]!);
  expect(status).toBe(200);
  expect(await row()).toMatchObject({ counter: 4 });
  const details = { session_id: person.refresh.split('.')[1], from: 1, to: 4 };
  expect(await audited()).toEqual([{ outcome: 'success', details }]);
  expect((await refresh(next)).status).toBe(200);
});

test('a token older than the newest is then a used one, and ends the session', async () => {
  const tokens = await refreshed(3);
  await restore(1);
  expect((await refresh(tokens[3]!)).status).toBe(200);
  expect(await refresh(tokens[1]!)).toMatchObject({ status: 401, code: 'REFRESH_TOKEN_REUSED' });
  expect(await row()).toMatchObject({ revoked_reason: 'refresh_reuse' });
});

test('of fifty requests at once with the newest token one makes the row jump, and all get the same successor', async () => {
  const tokens = await refreshed(3);
  await restore(0);
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(tokens[3]!)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ next }) => next)).size).toBe(1);
  expect(await row()).toMatchObject({ counter: 4 });
  expect(await audited()).toHaveLength(1);
});

test('a forged token ahead, one of a session that ended, and one of a disabled account are refused', async () => {
  const [, session = '', , mac = ''] = person.refresh.split('.');
  expect(await refresh(`sr1.${session}.7.${mac}`)).toMatchObject({ status: 401, code: 'INVALID_REFRESH_TOKEN' });
  expect(await row()).toMatchObject({ counter: 0 });
  const tokens = await refreshed(2);
  await restore(0);
  await db.query('UPDATE auth.users SET disabled_at = now() WHERE id = $1', [person.id]);
  expect((await refresh(tokens[2]!)).status).toBe(401);
  await db.query('UPDATE auth.users SET disabled_at = NULL WHERE id = $1', [person.id]);
  await db.query(`UPDATE auth.sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1`, [
    person.id,
  ]);
  expect((await refresh(tokens[2]!)).status).toBe(401);
  expect(await audited()).toEqual([]);
});

test('the newest token ends the session at a logout', async () => {
  const tokens = await refreshed(2);
  await restore(0);
  await system.rest('POST', '/auth/logout', { body: { refresh_token: tokens[2] } });
  expect(await row()).toMatchObject({ revoked_reason: 'logout' });
});
