import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

async function loginAgain({ email, password }: Person, label: string) {
  const { json } = await system.rest('POST', '/auth/login', { body: { email, password, device_label: label } });
  system.secret(json.access_token);
  system.secret(json.refresh_token);
  return json as { access_token: string; refresh_token: string };
}

const list = async (token: string, query = '') =>
  (await system.rest('GET', `/auth/sessions${query}`, { token })).json as {
    sessions: Record<string, unknown>[];
    next_page_token: string;
  };

test('a user lists their sessions in pages, with the current one marked', async () => {
  const person = await system.person();
  for (const label of ['Laptop', 'Phone']) await loginAgain(person, label);
  const { sessions } = await list(person.access);
  expect(sessions.map(({ device_label: label, current }) => [label, current])).toEqual([
    ['Phone', false],
    ['Laptop', false],
    [expect.any(String), true],
  ]);
  expect(sessions[0]).toMatchObject({ ip: '127.0.0.1', client_id: 'signet', amr: ['pwd'], ended_reason: '' });
  const first = await list(person.access, '?page_size=2');
  const second = await list(person.access, `?page_size=2&page_token=${first.next_page_token}`);
  expect([...first.sessions, ...second.sessions]).toEqual(sessions);
  expect(second.next_page_token).toBe('');
  const other = await system.person();
  const stolen = await system.rest('GET', `/auth/sessions?page_token=${first.next_page_token}`, {
    token: other.access,
  });
  expect([stolen.status, stolen.json.code]).toEqual([400, 'INVALID_ARGUMENT']);
});

test('a user ends one session or all others; a session of another user is unknown', async () => {
  const [ada, bob] = [await system.person(), await system.person()];
  const [laptop] = [await loginAgain(ada, 'Laptop'), await loginAgain(ada, 'Phone')];
  const { sessions } = await list(ada.access);
  const id = sessions.find(({ device_label: label }) => label === 'Laptop')?.['id'] as string;
  const foreign = await system.rest('DELETE', `/auth/sessions/${id}`, { token: bob.access });
  expect([foreign.status, foreign.json.code]).toEqual([404, 'NOT_FOUND']);
  expect((await system.rest('DELETE', `/auth/sessions/${id}`, { token: ada.access })).status).toBe(204);
  expect((await system.rest('DELETE', `/auth/sessions/${id}`, { token: ada.access })).status).toBe(404);
  const refresh = await system.rest('POST', '/auth/refresh', { body: { refresh_token: laptop.refresh_token } });
  expect(refresh.status).toBe(401);
  const others = await system.rest('POST', '/auth/sessions:revokeOthers', { token: ada.access, body: {} });
  expect(others.json).toEqual({ revoked_count: 1 });
  expect((await list(ada.access)).sessions).toHaveLength(1);
});

test('a reused refresh token ends the session, and its owner sees the reason', async () => {
  const person = await system.person();
  const { refresh_token: first } = await loginAgain(person, 'Stolen');
  const refresh = async (token: string) =>
    (await system.rest('POST', '/auth/refresh', { body: { refresh_token: token } })).json;
  const second = await refresh(first);
  await refresh(system.secret(second.refresh_token));
  system.secret(second.access_token);
  expect((await refresh(first)).code).toBe('REFRESH_TOKEN_REUSED');
  expect((await list(person.access)).sessions).toHaveLength(1);
  const { sessions } = await list(person.access, '?include_ended=true');
  const ended = sessions.find(({ device_label: label }) => label === 'Stolen');
  expect(ended).toMatchObject({ ended_reason: 'refresh_reuse', ended_at: expect.any(String) });
});

test('a password change needs the current password, refuses common passwords and replaces the old one', async () => {
  const { access: token, password, email } = await system.person();
  const change = (current: string, next: string) =>
    system.rest('POST', '/auth/password', { token, body: { current_password: current, new_password: next } });
  expect((await change('wrong', 'another good password')).json.code).toBe('INVALID_CREDENTIALS');
  const common = await change(password, 'Password123');
  expect(common.json.errors).toEqual([
    { field: 'new_password', description: 'is a common password', reason: 'COMMON' },
  ]);
  const next = system.secret('another good password');
  expect((await change(password, next)).status).toBe(200);
  expect((await system.rest('POST', '/auth/login', { body: { email, password } })).status).toBe(401);
  expect((await system.rest('POST', '/auth/login', { body: { email, password: next } })).status).toBe(200);
});

test('deleting an account refuses its tokens and frees its email address', async () => {
  const { access: token, email, password } = await system.person();
  await system.rest('GET', '/users/profile', { token });
  expect((await system.rest('DELETE', '/users/account', { token })).status).toBe(204);
  const status = async () => (await system.rest('GET', '/users/profile', { token })).status;
  await expect.poll(status, { interval: 10 }).toBe(401);
  expect((await system.rest('POST', '/auth/login', { body: { email, password } })).status).toBe(401);
  const again = await system.rest('POST', '/auth/register', { body: { email, password, name: 'Ada' } });
  expect(again.status, again.text).toBe(201);
});
