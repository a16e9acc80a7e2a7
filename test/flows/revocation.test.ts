import { createClient } from '@connectrpc/connect';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

let system: System;
let direct: GrpcTransport;
let adminToken: string;
beforeAll(async () => {
  system = await openSystem();
  direct = createGrpcTransport(`127.0.0.1:${system.userPort}`, [UserService]);
  const { json } = await system.rest('POST', '/auth/login', { body: admin });
  adminToken = system.secret(json.access_token);
});
afterAll(async () => {
  direct.close();
  await system.close();
});

/** Time until every verifier refuses a revoked token, ms. */
const bound = 1_000;
/** A machine too busy for this many attempts within the bound is late by attempts: it delays both alike. */
const attemptsInBound = 20;
/** CI runs all rounds in one process; the fleet hashes passwords at full cost. */
const many = inject('shape') === 'one process' && process.env['TEST_ROUNDS'] === '1' ? 100 : 30;

async function expectPost(path: string, options: Parameters<System['rest']>[2], status = 200) {
  const answer = await system.rest('POST', path, options);
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
}

/** A user whose profile has a name: reading one without asks the auth service, which looks up the session in its database. */
async function personWithProfile(): Promise<Person> {
  const person = await system.person();
  const { status, text } = await system.rest('PATCH', '/users/profile', {
    token: person.access,
    body: { name: 'Ada' },
  });
  expect(status, text).toBe(200);
  return person;
}

async function atUserService(token: string): Promise<string> {
  try {
    await createClient(UserService, direct).getProfile({}, { headers: { authorization: `Bearer ${token}` } });
    return 'OK';
  } catch (error) {
    return reasonOf(error) ?? String(error);
  }
}

async function atEdge(token: string): Promise<string> {
  const { status, json } = await system.rest('GET', '/users/profile', { token });
  return status === 200 ? 'OK' : json.code;
}

/** Calls both until both refuse. Returns the share of the bound that took, in time or in attempts. */
async function untilRefused(token: string): Promise<number> {
  const since = performance.now();
  for (let attempts = 1; ; attempts++) {
    const answers = await Promise.all([atEdge(token), atUserService(token)]);
    const share = Math.min((performance.now() - since) / bound, attempts / attemptsInBound);
    if (answers.every((answer) => answer === 'INVALID_TOKEN') || share > 10) return share;
    await setTimeout(5);
  }
}

/**
 * Nine of ten within the bound, all within ten times the bound: on a loaded machine, single calls take that long.
 * `npm run bench -- revocation` measures the times.
 */
function expectWithinBound(shares: readonly number[]): void {
  const sorted = shares.toSorted((a, b) => a - b);
  expect(sorted[Math.floor(shares.length * 0.9)]).toBeLessThan(1);
  expect(sorted.at(-1)).toBeLessThan(10);
}

/** Acts that revoke tokens early. Each returns an access token that must be refused. */
const acts: Record<string, (person: Person) => Promise<string>> = {
  logout: async ({ refresh, access }) => {
    await expectPost('/auth/logout', { body: { refresh_token: refresh } });
    return access;
  },
  'a change of the password': async ({ access, email, password }) => {
    const other = await expectPost('/auth/login', { body: { email, password } });
    const body = { current_password: password, new_password: system.secret(`${password}, and more`) };
    await expectPost('/auth/password', { token: system.secret(other.access_token), body });
    expect(await atEdge(other.access_token), 'the session that changed the password stays valid').toBe('OK');
    return access;
  },
  'disabling the account': async ({ id, access }) => {
    await expectPost(`/admin/users/${id}:disable`, { token: adminToken, body: {} });
    return access;
  },
  'removing a role': async ({ id, access }) => {
    const { status, text } = await system.rest('DELETE', `/admin/users/${id}/roles/user`, { token: adminToken });
    expect(status, text).toBe(204);
    return access;
  },
  'signing out everywhere': async ({ id, access }) => {
    await expectPost(`/admin/users/${id}:signOut`, { token: adminToken, body: {} });
    return access;
  },
};

test.each(Object.entries(acts))(
  'after %s, edge and user service always refuse the access token within a second',
  async (_, act) => {
    const shares: number[] = [];
    for (let batch = 0; batch < 10; batch++) {
      const users = await Promise.all(Array.from({ length: many / 10 }, personWithProfile));
      await Promise.all(users.map(async ({ access }) => expect(await atEdge(access)).toBe('OK')));
      shares.push(...(await Promise.all(users.map(async (person) => untilRefused(await act(person))))));
    }
    expect(shares).toHaveLength(many);
    expectWithinBound(shares);
  },
);

test('a token from a sign-in or refresh right after a revocation is valid at once', async () => {
  const { id, email, password, refresh } = await system.person();
  await system.rest('DELETE', `/admin/users/${id}/roles/user`, { token: adminToken });
  const refreshed = await expectPost('/auth/refresh', { body: { refresh_token: refresh } });
  expect(refreshed.user.roles).toEqual([]);
  expect(await atEdge(system.secret(refreshed.access_token))).toBe('OK');
  await expectPost(`/admin/users/${id}:signOut`, { token: adminToken, body: {} });
  const again = await expectPost('/auth/login', { body: { email, password } });
  expect(await atEdge(system.secret(again.access_token))).toBe('OK');
  expect(await atUserService(again.access_token)).toBe('OK');
});

test('a token refreshed between two role removals within a second keeps neither role', async () => {
  for (let round = 0; round < 5; round++) {
    const { id, refresh } = await personWithProfile();
    const role = (name: string, method: string) =>
      system.rest(method, `/admin/users/${id}/roles/${name}`, { token: adminToken, body: {} });
    await role('support', 'PUT');
    expect((await role('user', 'DELETE')).status).toBe(204);
    const { access_token: token } = await expectPost('/auth/refresh', { body: { refresh_token: refresh } });
    system.secret(token);
    expect((await role('support', 'DELETE')).status).toBe(204);
    expect(await untilRefused(token)).toBeLessThan(10);
  }
});

test('tokens of a revoked key are refused within a second; tokens of its successor are valid at once', async () => {
  const users = await Promise.all(Array.from({ length: many }, personWithProfile));
  const { json } = await system.rest('GET', '/admin/keys', { token: adminToken });
  const active = json.keys.find(({ state }: { state: string }) => state === 'active');
  await expectPost(`/admin/keys/${active.kid}:revoke`, { token: adminToken, body: {} });
  expectWithinBound(await Promise.all(users.map(({ access }) => untilRefused(access))));
  const jwks = await system.rest('GET', '//.well-known/jwks.json');
  expect(jwks.json.keys.map(({ kid }: { kid: string }) => kid)).not.toContain(active.kid);
  for (const { refresh } of users.slice(0, 10)) {
    const { access_token: token } = await expectPost('/auth/refresh', { body: { refresh_token: refresh } });
    expect(await Promise.all([atEdge(system.secret(token)), atUserService(token)])).toEqual(['OK', 'OK']);
  }
});
