import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';
import { openWays, type Way } from './transports.ts';

// Acts that invalidate a token. Afterwards every method refuses it, over every protocol.

let system: System;
let ways: Way[];
let db: Client;
let adminToken: string;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_KEY_PENDING: '10s', SIGNET_SESSION_LIMIT: '3' } });
  db = new Client(connection(system.database.url));
  await db.connect();
  ways = openWays({
    edge: system.edge,
    auth: system.auth,
    userTarget: `127.0.0.1:${system.userPort}`,
    authTarget: `127.0.0.1:${system.authGrpcPort}`,
  });
  adminToken = await signInAsAdmin();
});
afterAll(async () => {
  for (const way of ways) way.close();
  await db.end();
  await system.close();
});

async function signInAsAdmin(): Promise<string> {
  return system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
}
async function post(path: string, body: object, token?: string) {
  const { status, text, json } = await system.rest('POST', path, { body, token });
  expect([200, 201, 204], text).toContain(status);
  return json;
}
const asAdmin = (path: string, body: object = {}) => post(`/admin${path}`, body, adminToken);
async function loginAgain({ email, password }: Person): Promise<{ access: string; refresh: string }> {
  const { access_token: access, refresh_token: refresh } = await post('/auth/login', { email, password });
  return { access: system.secret(access), refresh: system.secret(refresh) };
}
const put = (path: string, body: object = {}) => system.rest('PUT', `/admin${path}`, { token: adminToken, body });
const remove = (path: string, token: string) => system.rest('DELETE', path, { token });
const everyWay = async (token: string): Promise<string[]> =>
  Promise.all(ways.map(async (way) => `${way.name}: ${(await way.send(`Bearer ${token}`)).status}`));
const all = (status: string) => ways.map(({ name }) => `${name}: ${status}`);

const decoded = (token: string, part: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()) as Record<string, unknown>;

/** Grants a user a new role and signs them in with it. */
async function withRole(person: Person, role: string): Promise<Person> {
  await put(`/roles/${role}`, { scopes: ['one', 'two'] });
  await put(`/users/${person.id}/roles/${role}`);
  return { ...person, ...(await loginAgain(person)) };
}

interface Act {
  /** Performs the act. Returns the tokens from right before it, if they changed. */
  readonly act: (person: Person) => Promise<Person | void>;
  /** Whether the session continues with new tokens. */
  readonly survives?: true;
}

/** Every act that ends tokens before they expire. */
const acts: Record<string, Act> = {
  logout: { act: ({ refresh }) => post('/auth/logout', { refresh_token: refresh }) },
  'a logout with the access token': { act: ({ access }) => post('/auth/logout', {}, access) },
  'a logout with an older refresh token': {
    async act({ refresh }) {
      const next = await post('/auth/refresh', { refresh_token: refresh });
      system.secret(next.access_token);
      system.secret(next.refresh_token);
      await post('/auth/logout', { refresh_token: refresh });
    },
  },
  'a reuse of a refresh token': {
    async act({ refresh }) {
      for (let token = refresh, index = 0; index < 2; index++) {
        const next = await post('/auth/refresh', { refresh_token: token });
        system.secret(next.access_token);
        token = system.secret(next.refresh_token);
      }
      expect((await system.rest('POST', '/auth/refresh', { body: { refresh_token: refresh } })).json.code).toBe(
        'REFRESH_TOKEN_REUSED',
      );
    },
  },
  'revoking the session from another one': {
    async act(person) {
      const sid = person.refresh.split('.')[1];
      expect((await remove(`/auth/sessions/${sid}`, (await loginAgain(person)).access)).status).toBe(204);
    },
  },
  'revoking all other sessions': {
    act: async (person) => post('/auth/sessions:revokeOthers', {}, (await loginAgain(person)).access),
  },
  'a sign-in over the session limit': {
    async act(person) {
      for (let more = 0; more < 3; more++) await loginAgain(person);
    },
  },
  'a change of the password': {
    async act(person) {
      const body = { current_password: person.password, new_password: system.secret(`${person.password}, and more`) };
      await post('/auth/password', body, (await loginAgain(person)).access);
    },
  },
  'a reset of the password': {
    async act({ id, password }) {
      await db.query(
        `INSERT INTO auth.links (hash, purpose, user_id, email, expires_at)
         SELECT $1, 'password_reset', id, email, now() + interval '1 minute' FROM auth.users WHERE id = $2`,
        [createHash('sha256').update(id).digest(), id],
      );
      await post('/auth/password/reset', { token: id, new_password: system.secret(`${password}, and more`) });
    },
  },
  'signing out everywhere': { act: ({ id }) => asAdmin(`/users/${id}:signOut`) },
  'disabling the account': { act: ({ id }) => asAdmin(`/users/${id}:disable`) },
  'disabling and enabling it again': {
    async act({ id }) {
      await asAdmin(`/users/${id}:disable`);
      await asAdmin(`/users/${id}:enable`);
    },
  },
  'deleting the account': {
    async act({ access }) {
      expect((await remove('/users/account', access)).status).toBe(204);
    },
  },
  'removing a role': {
    survives: true,
    async act({ id }) {
      expect((await remove(`/admin/users/${id}/roles/user`, adminToken)).status).toBe(204);
    },
  },
  'removing a scope from a role': {
    survives: true,
    async act(person) {
      const held = await withRole(person, 'editor');
      await put('/roles/editor', { scopes: ['one'] });
      return held;
    },
  },
  'deleting a role': {
    survives: true,
    async act(person) {
      const held = await withRole(person, 'author');
      expect((await remove('/admin/roles/author', adminToken)).status).toBe(204);
      return held;
    },
  },
  'the removal of its signing key': {
    survives: true,
    async act({ access }) {
      const { kid } = decoded(access, 0);
      await asAdmin('/keys:rotate');
      const state = async () =>
        (await db.query<{ state: string }>('SELECT state FROM auth.signing_keys WHERE kid = $1', [kid])).rows[0]?.state;
      await expect.poll(state).toBe('retired');
      expect(await everyWay(access), 'a retired key still verifies').toEqual(all('OK'));
      await db.query(
        `UPDATE auth.signing_keys SET activated_at = now() - interval '61 days', retired_at = now() - interval '31 days'
         WHERE kid = $1`,
        [kid],
      );
      await expect.poll(state).toBe('gone');
    },
  },
  'the revocation of its signing key': {
    survives: true,
    async act({ access }) {
      const { kid } = decoded(access, 0);
      adminToken = await signInAsAdmin();
      await asAdmin(`/keys/${String(kid)}:revoke`);
    },
  },
};

test('a granted role is in the next token, and the current token stays valid', async () => {
  const ada = await system.person();
  expect((await put(`/users/${ada.id}/roles/support`)).status).toBe(200);
  expect(await everyWay(ada.access)).toEqual(all('OK'));
  const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: ada.refresh } });
  system.secret(json.refresh_token);
  const claims = decoded(system.secret(json.access_token), 1);
  expect([claims['roles'], claims['scope']]).toEqual([['support', 'user'], 'signet:profile signet:support']);
});

test.each(Object.entries(acts))(
  'after %s, every protocol refuses the access token within a second, and a refresh works only if the session continues',
  async (_, { act, survives }) => {
    const before = await system.person();
    expect(await everyWay(before.access)).toEqual(all('OK'));
    const person = (await act(before)) ?? before;
    await expect.poll(() => everyWay(person.access), { interval: 10 }).toEqual(all('UNAUTHENTICATED'));
    adminToken = await signInAsAdmin();
    const { status, json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    expect(status).toBe(survives ? 200 : 401);
    if (!survives) return;
    system.secret(json.refresh_token);
    // At once, unless two keys were revoked within the same second: services get new tokens at most once a second.
    const next = system.secret(json.access_token);
    await expect.poll(() => everyWay(next), { interval: 10 }).toEqual(all('OK'));
  },
);
