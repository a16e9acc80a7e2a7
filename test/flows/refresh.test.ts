import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Answer, openSystem, type Person, type System } from '../system.ts';

let system: System;
let db: Client;
let person: Person;

beforeAll(async () => {
  system = await openSystem();
  db = new Client({ connectionString: system.database.url.reveal() });
  await db.connect();
});
beforeEach(async () => {
  person = await system.person();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

async function refresh(token: string): Promise<Answer> {
  const answer = await system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });
  if (answer.json.refresh_token) system.secret(answer.json.refresh_token);
  return answer;
}

/** Moves the last refresh of the session into the past. */
async function age(seconds: number): Promise<void> {
  await db.query(`UPDATE auth.sessions SET rotated_at = rotated_at - $2 * interval '1 second' WHERE user_id = $1`, [
    person.id,
    seconds,
  ]);
}

async function session(): Promise<{ counter: number; revoked_reason: string | null }> {
  const { rows } = await db.query(`SELECT counter, revoked_reason FROM auth.sessions WHERE user_id = $1`, [person.id]);
  return rows[0];
}

test('fifty concurrent refreshes of one token return the same successor', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(person.refresh)));
  expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
  expect(new Set(answers.map(({ json }) => json.refresh_token)).size).toBe(1);
  expect(await session()).toEqual({ counter: 1, revoked_reason: null });
  expect((await refresh(answers[0]?.json.refresh_token)).status).toBe(200);
});

test('a repeated refresh within the grace period gets the same response, byte for byte', async () => {
  const first = await refresh(person.refresh);
  await age(9);
  const again = await refresh(person.refresh);
  expect([again.status, again.json.refresh_token]).toEqual([200, first.json.refresh_token]);
  expect(again.json.access_token).not.toBe(first.json.access_token);
});

test('a token reused after the grace period ends its session', async () => {
  const { json } = await refresh(person.refresh);
  await age(10.1);
  const reused = await refresh(person.refresh);
  expect([reused.status, reused.json.code]).toEqual([401, 'REFRESH_TOKEN_REUSED']);
  expect(await session()).toMatchObject({ revoked_reason: 'refresh_reuse' });
  expect((await refresh(json.refresh_token)).json.code).toBe('INVALID_REFRESH_TOKEN');
  expect((await refresh(person.refresh)).json.code).toBe('INVALID_REFRESH_TOKEN');
});

test('a token reused after its successor was used ends its session, also within the grace period', async () => {
  const first = await refresh(person.refresh);
  const second = await refresh(first.json.refresh_token);
  expect(second.status).toBe(200);
  expect((await refresh(person.refresh)).json.code).toBe('REFRESH_TOKEN_REUSED');
  expect((await refresh(second.json.refresh_token)).json.code).toBe('INVALID_REFRESH_TOKEN');
});

test('concurrent refreshes with a reused token and its successor end the session', async () => {
  const first = await refresh(person.refresh);
  await age(11);
  await Promise.all(
    Array.from({ length: 40 }, (_, index) => refresh(index % 2 === 0 ? person.refresh : first.json.refresh_token)),
  );
  expect(await session()).toMatchObject({ revoked_reason: 'refresh_reuse' });
});

test('a forged or foreign token changes nothing', async () => {
  const [version, sid, , mac] = person.refresh.split('.');
  const other = await system.person();
  for (const forged of [
    `${version}.${sid}.1.${mac}`,
    `${version}.${sid}.0.${'A'.repeat(43)}`,
    other.refresh.replace(other.refresh.split('.')[1] ?? '', sid ?? ''),
    'sr1.garbage',
    person.access,
    person.csrf,
  ]) {
    expect((await refresh(forged.slice(0, 256))).json.code).toBe('INVALID_REFRESH_TOKEN');
  }
  expect(await session()).toEqual({ counter: 0, revoked_reason: null });
  expect((await refresh(person.refresh)).status).toBe(200);
});

test.each([
  ['idle_expires_at', `now() + interval '1 second'`, 200],
  ['idle_expires_at', 'now()', 401],
  ['expires_at', `now() + interval '1 second'`, 200],
  ['expires_at', 'now()', 401],
])('a session whose %s is %s yields %i', async (column, at, status) => {
  await db.query(`UPDATE auth.sessions SET ${column} = ${at} WHERE user_id = $1`, [person.id]);
  expect((await refresh(person.refresh)).status).toBe(status);
});

test('an access token does not outlive its session', async () => {
  await db.query(`UPDATE auth.sessions SET expires_at = now() + interval '100 seconds' WHERE user_id = $1`, [
    person.id,
  ]);
  const { json } = await refresh(person.refresh);
  expect(json.expires_in).toBeLessThanOrEqual(100);
  expect(json.expires_in).toBeGreaterThan(90);
});

test('a disabled account can neither refresh, sign in nor verify', async () => {
  await db.query(`UPDATE auth.users SET disabled_at = now() WHERE id = $1`, [person.id]);
  expect((await refresh(person.refresh)).json.code).toBe('INVALID_REFRESH_TOKEN');
  const { email, password } = person;
  expect((await system.rest('POST', '/auth/login', { body: { email, password } })).json.code).toBe(
    'INVALID_CREDENTIALS',
  );
  expect((await system.rest('GET', '/auth/verify', { token: person.access })).json.code).toBe('INVALID_TOKEN');
});

test('after a hundred refreshes concurrent with a logout, no token can refresh', async () => {
  const racing = Array.from({ length: 100 }, async (_, index) =>
    index === 50
      ? system.rest('POST', '/auth/logout', { body: { refresh_token: person.refresh } })
      : refresh(person.refresh),
  );
  const answers = await Promise.all(racing);
  for (const { json } of answers.filter(({ json: one }) => one.refresh_token)) {
    expect((await refresh(json.refresh_token)).json.code).toBe('INVALID_REFRESH_TOKEN');
  }
  expect(await session()).toMatchObject({ revoked_reason: 'logout' });
});

test('a logout with an older token of the session, or with the access token alone, ends it', async () => {
  const first = await refresh(person.refresh);
  await system.rest('POST', '/auth/logout', { body: { refresh_token: person.refresh } });
  expect((await refresh(first.json.refresh_token)).json.code).toBe('INVALID_REFRESH_TOKEN');
  const other = await system.person();
  expect((await system.rest('POST', '/auth/logout', { token: other.access })).status).toBe(200);
  expect((await refresh(other.refresh)).json.code).toBe('INVALID_REFRESH_TOKEN');
});

test('a logout returns the same response for every token', async () => {
  for (const body of [
    {},
    { refresh_token: 'sr1.garbage' },
    { refresh_token: person.refresh },
    { refresh_token: person.refresh },
  ]) {
    const { status, json } = await system.rest('POST', '/auth/logout', { body });
    expect([status, json]).toEqual([200, {}]);
  }
});
