import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { openSystem, type Person, type System } from '../system.ts';

let system: System;
let db: Client;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_SESSION_IDLE: '10m' } });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

async function login({ email, password }: Person, more: object = {}, headers: Record<string, string> = {}) {
  const answer = await system.rest('POST', '/auth/login', { body: { email, password, ...more }, headers });
  if (answer.status === 200) {
    system.secret(answer.json.access_token);
    system.secret(answer.json.refresh_token);
  }
  return answer;
}
const list = async (token: string, query = '') =>
  (await system.rest('GET', `/auth/sessions?page_size=100${query}`, { token })).json.sessions as Record<
    string,
    unknown
  >[];
const refresh = (token: string) => system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });

test('the 21st session ends the oldest one and its tokens, also when many sign-ins run at once', async () => {
  const person = await system.person();
  const rest = [];
  for (let index = 0; index < 19; index++) rest.push((await login(person, { device_label: `device ${index}` })).json);
  expect(await list(person.access)).toHaveLength(20);
  const last = (await login(person)).json;
  const profile = async () => (await system.rest('GET', '/users/profile', { token: person.access })).status;
  await expect.poll(profile, { interval: 10 }).toBe(401);
  expect((await refresh(person.refresh)).status).toBe(401);
  const ended = await list(last.access_token, '&include_ended=true');
  expect(ended.find(({ id }) => id === person.refresh.split('.')[1])).toMatchObject({ ended_reason: 'session_limit' });
  expect((await refresh(rest[0].refresh_token)).status, 'the second oldest').toBe(200);
  const many = await Promise.all(Array.from({ length: 30 }, () => login(person)));
  expect(many.map(({ status }) => status)).toEqual(Array(30).fill(200));
  const { rows } = await db.query('SELECT count(*)::int FROM auth.sessions WHERE user_id = $1 AND revoked_at IS NULL', [
    person.id,
  ]);
  expect(rows).toEqual([{ count: 20 }]);
});

test('an access token expires no later than the session and its idle timeout', async () => {
  const person = await system.person();
  const expiresIn = async (token: string) => {
    const { json } = await refresh(token);
    system.secret(json.access_token);
    return [system.secret(json.refresh_token), json.expires_in] as [string, number];
  };
  const [next, whole] = await expiresIn(person.refresh);
  // Of the 15 minutes of an access token, ten remain until the idle timeout of the session.
  expect(whole).toBeLessThanOrEqual(600);
  expect(whole).toBeGreaterThan(590);
  await db.query(`UPDATE auth.sessions SET expires_at = now() + interval '60 seconds' WHERE user_id = $1`, [person.id]);
  const [, rest] = await expiresIn(next);
  expect(rest).toBeLessThanOrEqual(60);
  expect(rest).toBeGreaterThan(50);
});

test.each(['idle_expires_at', 'expires_at'])(
  'a session past its %s is refused and listed only as ended',
  async (column) => {
    const person = await system.person();
    const other = (await login(person)).json;
    await db.query(`UPDATE auth.sessions SET ${column} = now() WHERE id = $1`, [person.refresh.split('.')[1]]);
    expect((await system.rest('GET', '/auth/verify', { token: person.access })).status).toBe(401);
    expect((await refresh(person.refresh)).json.code).toBe('INVALID_REFRESH_TOKEN');
    expect(await list(other.access_token)).toHaveLength(1);
    expect(await list(other.access_token, '&include_ended=true')).toHaveLength(2);
  },
);

test.each([
  ['the device_label of the request', { device_label: 'Büro 🖥' }, {}, 'Büro 🖥'],
  ['an empty device_label', { device_label: '' }, { 'user-agent': 'agent' }, ''],
  ['the User-Agent by default', {}, { 'user-agent': 'Mozilla/5.0 (X11)' }, 'Mozilla/5.0 (X11)'],
  ['at most 100 characters of the User-Agent', {}, { 'user-agent': 'a'.repeat(5_000) }, 'a'.repeat(100)],
  ['only printable ASCII of the User-Agent', {}, { 'user-agent': 'Mo\tzi\u00ffl\u0085la' }, 'Mozilla'],
])('the label of a session is %s', async (_, body, headers, label) => {
  const person = await system.person();
  const { json } = await login(person, body, headers);
  const [latest] = await list(json.access_token);
  expect(latest?.['device_label']).toBe(label);
});

test.each(['a\u001b[31mb', 'a\0b', 'a\nb', 'a\u009bb', 'x'.repeat(101)])('refuses the label %j', async (label) => {
  const { status, json } = await login(await system.person(), { device_label: label });
  expect([status, json.errors[0].field]).toEqual([400, 'device_label']);
});

test('the session list shows the reason that each session ended for', async () => {
  const person = await system.person();
  const [loggedOut, revoked, reused] = [
    (await login(person)).json,
    (await login(person)).json,
    (await login(person)).json,
  ];
  await system.rest('POST', '/auth/logout', { body: { refresh_token: loggedOut.refresh_token } });
  await system.rest('DELETE', `/auth/sessions/${revoked.refresh_token.split('.')[1]}`, { token: person.access });
  for (let token = reused.refresh_token as string, index = 0; index < 2; index++) {
    const { json } = await refresh(token);
    system.secret(json.access_token);
    token = system.secret(json.refresh_token);
  }
  await refresh(reused.refresh_token);
  const next = system.secret(`${person.password} and more`);
  const left = (await login(person)).json;
  await system.rest('POST', '/auth/password', {
    token: person.access,
    body: { current_password: person.password, new_password: next },
  });
  const reasons = new Map(
    (await list(person.access, '&include_ended=true')).map(({ id, ended_reason: reason }) => [id, reason]),
  );
  const reasonOf = ({ refresh_token: token }: { refresh_token: string }) => reasons.get(token.split('.')[1]);
  expect([loggedOut, revoked, reused, left].map(reasonOf)).toEqual([
    'logout',
    'revoked',
    'refresh_reuse',
    'password_change',
  ]);
  expect(reasons.get(person.refresh.split('.')[1])).toBe('');
});
