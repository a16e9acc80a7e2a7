import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

// A refresh reads the permissions of the account. A change that removes permissions may commit slowly. Tokens issued in
// the meantime from the old permissions must be refused after the commit.

let system: System;
let adminToken: string;
beforeAll(async () => {
  system = await openSystem();
  adminToken = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});
afterAll(() => system.close());

const asAdmin = (method: string, path: string, body?: object) =>
  system.rest(method, `/admin${path}`, { token: adminToken, ...(body ? { body } : {}) });

/** Blocks every change that writes an audit event or a revocation, and changes to the given users, until called. */
async function holdCommits(...users: string[]): Promise<() => Promise<void>> {
  const locker = new Client(connection(system.database.url));
  await locker.connect();
  // The roles must not look recently created.
  await locker.query(`UPDATE auth.roles SET tokens_from = now() - interval '1 minute'`);
  await locker.query('BEGIN');
  await locker.query('LOCK TABLE auth.audit_events, auth.revocations IN EXCLUSIVE MODE');
  for (const id of users) await locker.query('SELECT FROM auth.users WHERE id = $1 FOR UPDATE', [id]);
  return async () => {
    await locker.query('COMMIT');
    await locker.end();
  };
}

const acts: Record<string, (person: Person, role: string) => Promise<{ status: number }>> = {
  'removing a role': ({ id }, role) => asAdmin('DELETE', `/users/${id}/roles/${role}`),
  'removing a scope from a role': (_, role) => asAdmin('PUT', `/roles/${role}`, { scopes: ['read'] }),
  'deleting a role': (_, role) => asAdmin('DELETE', `/roles/${role}`),
};

test.each(Object.entries(acts))('a token refreshed during %s is refused once the change commits', async (name, act) => {
  const person = await system.person();
  const role = name.replaceAll(' ', '-');
  await asAdmin('PUT', `/roles/${role}`, { scopes: ['read', 'write'] });
  await asAdmin('PUT', `/users/${person.id}/roles/${role}`, {});
  const release = await holdCommits();
  const acting = act(person, role);
  // Longer than the margin by which tokens are refused ahead, shorter than lock_timeout.
  await setTimeout(2_200);
  const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
  const token = system.secret(json.access_token);
  system.secret(json.refresh_token);
  const scope = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).scope as string;
  expect(scope, 'the scope is not removed yet').toContain('write');
  await release();
  expect([200, 204]).toContain((await acting).status);
  const profile = async () => (await system.rest('GET', '/users/profile', { token })).status;
  await expect.poll(profile, { interval: 10 }).toBe(401);
  const next = await system.rest('POST', '/auth/refresh', { body: { refresh_token: json.refresh_token } });
  system.secret(next.json.refresh_token);
  expect((await system.rest('GET', '/users/profile', { token: system.secret(next.json.access_token) })).status).toBe(
    200,
  );
});

const refusedNothing: Record<string, { act: (person: Person) => Promise<{ status: number }>; status: number }> = {
  'adding a scope to a role': {
    act: () => asAdmin('PUT', '/roles/wider', { scopes: ['read', 'write'] }),
    status: 200,
  },
  'removing a role that the user does not have': {
    act: ({ id }) => asAdmin('DELETE', `/users/${id}/roles/support`),
    status: 404,
  },
};

test.each(Object.entries(refusedNothing))('%s refuses no token, even when it is slow', async (_, { act, status }) => {
  const person = await system.person();
  await asAdmin('PUT', '/roles/wider', { scopes: ['read'] });
  const db = new Client(connection(system.database.url));
  await db.connect();
  const revocations = async () => (await db.query('SELECT count(*)::int AS n FROM auth.revocations')).rows[0];
  const release = await holdCommits(person.id);
  const before = await revocations();
  const acting = act(person);
  await setTimeout(1_200);
  await release();
  expect((await acting).status).toBe(status);
  expect(await revocations()).toEqual(before);
  await db.end();
});
