import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { admin, openSystem, type System } from '../system.ts';

let system: System;
let token: string;
beforeAll(async () => {
  system = await openSystem();
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});
afterAll(() => system.close());

const act = (path: string, method = 'POST') =>
  system.rest(method, `/admin${path}`, { token, ...(method === 'POST' || method === 'PUT' ? { body: {} } : {}) });

const rolesOf = async (refresh: string) => {
  const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: refresh } });
  system.secret(json.access_token);
  system.secret(json.refresh_token);
  const { claims } = (await system.rest('GET', '/auth/verify', { token: json.access_token })).json;
  return { roles: claims.roles, scope: claims.scope, refresh: json.refresh_token as string };
};

test('lists accounts in pages and filters them by email prefix, role and state', async () => {
  const { email, id } = await system.person('raider');
  const found = await act(`/users?email_prefix=${email.slice(0, 8).toUpperCase()}&role=raider&disabled=false`, 'GET');
  expect(found.json).toMatchObject({ users: [{ id, email, roles: ['raider'] }], next_page_token: '' });
  expect((await act(`/users?email_prefix=%25`, 'GET')).json.users, 'a wildcard is a character').toEqual([]);
  const first = (await act('/users?page_size=1', 'GET')).json;
  const second = (await act(`/users?page_size=1&page_token=${first.next_page_token}`, 'GET')).json;
  expect(first.users[0].id > second.users[0].id).toBe(true);
  expect((await act(`/users/${id}`, 'GET')).json.email).toBe(email);
  expect((await act(`/users/${crypto.randomUUID()}`, 'GET')).status).toBe(404);
});

test.each(['users?email_prefix', 'users?role', 'audit?kind', 'audit?actor_id', 'audit?subject_id'])(
  'a filter value that no row can have is refused in %s',
  async (filter) => {
    expect((await act(`/${filter}=a%00b`, 'GET')).json.code).toBe('INVALID_ARGUMENT');
  },
);

test('a stolen session older than five minutes can neither grant admin rights nor sign users out', async () => {
  const [thief, victim] = [await system.person(), await system.person()];
  const stolen = (await system.rest('POST', '/auth/login', { body: admin })).json;
  const db = new Client(connection(system.database.url));
  await db.connect();
  await db.query(`UPDATE auth.sessions SET auth_time = now() - interval '301 seconds' WHERE user_id = $1`, [
    stolen.user.id,
  ]);
  await db.end();
  const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: stolen.refresh_token } });
  const attack = (method: string, path: string, body: object | undefined = {}) =>
    system.rest(method, `/admin${path}`, { token: system.secret(json.access_token), body });
  const answers = [
    await attack('PUT', `/users/${thief.id}/roles/admin`),
    await attack('DELETE', `/users/${victim.id}/roles/user`, undefined),
    await attack('POST', `/users/${victim.id}:disable`),
    await attack('POST', `/users/${victim.id}:enable`),
    await attack('POST', `/users/${victim.id}:signOut`),
    await attack('PUT', '/roles/stolen', { scopes: ['everything'] }),
    await attack('DELETE', '/roles/stolen', undefined),
  ];
  for (const { status, json: problem, headers } of answers) {
    expect([status, problem.code]).toEqual([401, 'REAUTHENTICATION_REQUIRED']);
    expect(headers.get('www-authenticate')).toContain('error="insufficient_user_authentication"');
  }
  expect((await act(`/users/${thief.id}`, 'GET')).json.roles).toEqual(['user']);
  expect((await system.rest('GET', '/auth/verify', { token: victim.access })).status).toBe(200);
});

test('a disabled account can neither sign in nor refresh until it is enabled', async () => {
  const { id, email, password, refresh } = await system.person();
  expect((await act(`/users/${id}:disable`)).json).toMatchObject({ id, disabled_at: expect.any(String) });
  expect((await system.rest('POST', '/auth/login', { body: { email, password } })).json.code).toBe(
    'INVALID_CREDENTIALS',
  );
  const refused = await system.rest('POST', '/auth/refresh', { body: { refresh_token: refresh } });
  expect(refused.json.code).toBe('INVALID_REFRESH_TOKEN');
  expect((await act(`/users/${id}:enable`)).json.disabled_at).toBeUndefined();
  expect((await system.rest('POST', '/auth/login', { body: { email, password } })).status).toBe(200);
});

test('a custom role grants its scopes, and a change revokes them', async () => {
  const { id, refresh } = await system.person();
  const put = (scopes: string[]) => system.rest('PUT', '/admin/roles/editor', { token, body: { scopes } });
  expect((await put(['catalog.write', 'catalog.read'])).json).toMatchObject({
    role: 'editor',
    scopes: ['catalog.read', 'catalog.write'],
    built_in: false,
  });
  expect((await act(`/users/${id}/roles/editor`, 'PUT')).json.roles).toEqual(['editor', 'user']);
  const granted = await rolesOf(refresh);
  expect(granted).toMatchObject({ roles: ['editor', 'user'], scope: 'catalog.read catalog.write signet:profile' });
  await put(['catalog.read']);
  const reduced = await rolesOf(granted.refresh);
  expect(reduced.scope).toBe('catalog.read signet:profile');
  expect((await act('/roles/editor', 'DELETE')).status).toBe(204);
  expect((await rolesOf(reduced.refresh)).roles).toEqual(['user']);
  expect((await act(`/users/${id}/roles/editor`, 'PUT')).status, 'the role is deleted').toBe(404);
  expect((await act('/roles/admin', 'DELETE')).json.code).toBe('ROLE_BUILT_IN');
  expect((await act('/roles', 'GET')).json.roles.map(({ role }: { role: string }) => role)).toEqual([
    'admin',
    'raider',
    'support',
    'user',
  ]);
});

test('a custom role cannot contain a reserved scope of Signet', async () => {
  const put = (scopes: string[]) => system.rest('PUT', '/admin/roles/forger', { token, body: { scopes } });
  for (const scope of ['signet:admin', 'signet:', 'signet:anything']) {
    const { status, json } = await put(['catalog.read', scope]);
    expect([status, json.code, json.errors[0].field]).toEqual([400, 'INVALID_ARGUMENT', 'scopes[1]']);
    expect(json.errors[0].detail ?? json.errors[0].description).toContain('must not begin with signet:');
  }
  // Former names of scopes of Signet and scopes of OpenID Connect are not reserved.
  expect((await put(['profile', 'support', 'admin', 'signet', 'my-signet:admin'])).status).toBe(200);
  // The database refuses reserved scopes as well.
  const db = new Client(connection(system.database.url));
  await db.connect();
  const forge = db.query(`UPDATE auth.roles SET scopes = '{signet:admin}' WHERE name = 'forger'`);
  await expect(forge).rejects.toThrow('roles_scopes_not_reserved');
  await db.end();
  expect((await act('/roles/forger', 'DELETE')).status).toBe(204);
});

test('fifty concurrent calls that demote or disable two admins leave one', async () => {
  const { id } = await system.person();
  await act(`/users/${id}/roles/admin`, 'PUT');
  const { json } = await act('/users?role=admin', 'GET');
  const ids = json.users.map((user: { id: string }) => user.id) as string[];
  expect(ids).toHaveLength(2);
  const db = new Client(connection(system.database.url));
  await db.connect();
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0
        ? act(`/users/${ids[index % 4 === 0 ? 0 : 1]}/roles/admin`, 'DELETE')
        : act(`/users/${ids[index % 4 === 1 ? 0 : 1]}:disable`),
    ),
  );
  const { rows } = await db.query(`SELECT id FROM auth.users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL`);
  expect(rows).toHaveLength(1);
  // The later tests sign in as the first admin.
  await db.query(`UPDATE auth.users SET roles = '{admin}', disabled_at = NULL WHERE email = $1`, [admin.email]);
  await db.end();
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});

test('the audit log records actor and subject of each act, and verification detects tampering', async () => {
  const { id } = await system.person();
  await act(`/users/${id}:disable`);
  const { events } = (await act(`/audit?subject_id=${id}`, 'GET')).json;
  expect(events.map(({ kind }: { kind: string }) => kind)).toEqual(['user_disabled', 'login', 'registered']);
  expect(events[0]).toMatchObject({ outcome: 'success', ip: '127.0.0.1', request_id: expect.any(String) });
  const verify = async () => (await act('/audit:verify', 'GET')).json;
  await expect.poll(async () => (await verify()).unchained).toBe(0);
  const sound = await verify();
  expect(sound).toMatchObject({ faults: [], next_position: '0', first_position: '1', next_sequence: 0 });
  expect(sound.head_position).toBe(String(sound.checked));
  expect(sound.head_sequence, 'the field of earlier releases').toBe(sound.checked);

  const db = new Client(connection(system.database.url));
  await db.connect();
  await expect(db.query('DELETE FROM auth.audit_events')).rejects.toThrow('append-only');
  /** The faults found after a change that bypasses the triggers. */
  const after = async (sql: string): Promise<string> => {
    await db.query(`SET session_replication_role = replica; ${sql}; RESET session_replication_role`);
    const { faults } = await verify();
    return faults
      .map((fault: { position: string; description: string }) => `${fault.position} ${fault.description}`)
      .join('; ');
  };
  expect(await after(`UPDATE auth.audit_events SET ip = '192.0.2.1' WHERE position = 3`)).toContain(
    '3 the event or its hash was changed',
  );
  expect(await after(`DELETE FROM auth.audit_events WHERE position = 3`)).toContain(
    '3 the events from 3 to 3 are missing',
  );
  await db.end();
});
