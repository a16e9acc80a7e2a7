import { type DescMessage, type DescMethod, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserSchema } from '#gen/proto/signet/auth/v1/user_pb.ts';
import { ProfileSchema } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { exampleJson } from '#kit/contract/example.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { accessOf } from '#kit/guard/access.ts';
import { rulesOf } from '#kit/rest/rule.ts';
import { isOnEdge } from '../../services/edge/upstream.ts';
import { serviceNames } from '../../services/registry.ts';
import { registryMethods } from './registry.ts';
import { type Answer, ask, openSystem, type Person, type System } from '../system.ts';

let system: System;
let ada: Person;
let victim: Person;
let db: Client;
/** A new access token of Ada: some methods need a recent sign-in. */
let access: string;
beforeAll(async () => {
  system = await openSystem({ services: serviceNames });
  ada = await system.person();
  victim = await system.person();
  db = new Client(connection(system.database.url));
  await db.connect();
});
beforeEach(async () => {
  const login = await system.rest('POST', '/auth/login', { body: { email: ada.email, password: ada.password } });
  access = system.secret(login.json.access_token);
});
afterAll(async () => {
  await db.end();
  await system.close();
});

/** Every column of a service's tables, read from the database so that new columns are included. */
async function columnsOf(service: string): Promise<string[]> {
  const { rows } = await db.query<{ column_name: string }>(
    `SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = $1`,
    [service],
  );
  return rows.map(({ column_name: name }) => name);
}

const fieldsOf = ({ fields }: DescMessage) => fields.flatMap(({ name, jsonName }) => [name, jsonName]);

/**
 * Fields that an attacker may try: every field of an account, of a profile and of any row of the service, and common names
 * of other systems.
 */
async function candidateFields(service: string): Promise<string[]> {
  const folklore = [
    'is_admin',
    'isAdmin',
    'admin',
    'role_ids',
    'permissions',
    'groups',
    'verified',
    'email_verified',
    'user_id',
    'userId',
    'sub',
    'owner',
    '_id',
    '$set',
    '__proto__',
    'constructor',
    'prototype',
  ];
  return [
    ...new Set([...fieldsOf(UserSchema), ...fieldsOf(ProfileSchema), ...(await columnsOf(service)), ...folklore]),
  ];
}

/** Values that would cause harm if accepted. */
function valuesFor(name: string): unknown[] {
  if (/time|_at$|At$/.test(name)) return ['2000-01-01T00:00:00Z'];
  if (/roles|amr/.test(name)) return [['admin'], 'admin'];
  if (/^(?:id|user_?id|sub|owner|_id|sid)$/i.test(name)) return [victim.id];
  if (name === 'role') return ['admin', 'support', 'ADMIN', 'user,admin', ['admin'], { in: ['admin'] }];
  return ['admin', true, { admin: true }];
}

/** A valid request of the method: its example, or one with the values of this test. */
function requestFor(method: DescMethod): JsonObject {
  const requests: Record<string, JsonObject> = {
    Register: { email: `p${crypto.randomUUID()}@example.com`, password: 'a good long password', name: 'Eve' },
    Login: { email: ada.email, password: ada.password },
    Refresh: { refresh_token: 'sr1.x' },
    Logout: { refresh_token: 'sr1.x' },
    UpdateProfile: { bio: 'mine' },
  };
  return requests[method.name] ?? exampleJson(method) ?? {};
}

const snapshot = async () =>
  (
    await db.query(
      `SELECT u.id, u.email, u.name, u.roles, u.password_hash, u.disabled_at, u.created_at, p.name AS profile, p.bio, p.phone, p.locale
       FROM auth.users u LEFT JOIN "user".profiles p ON p.user_id = u.id WHERE u.id = ANY($1) ORDER BY u.id`,
      [[ada.id, victim.id]],
    )
  ).rows;

/** Methods that a user without a role may call at the edge, from the registry. */
const methods = registryMethods.filter(({ method }) => {
  const rule = accessOf(method);
  const isForPeople = rule === 'public' || (isOnEdge(method) && !rule.internal && !rule.roles?.length);
  // assertions.test.ts tests the form of service assertions.
  return isForPeople && method.methodKind === 'unary' && method.name !== 'IssueServiceToken';
});

/** A path that matches the template, of a resource that does not exist. */
function pathOf(template: string): string {
  return template.replaceAll(/\{\w+\}/g, () => crypto.randomUUID());
}

/** Sends the same JSON over Connect and every REST route of the method. */
async function sendEverywhere(method: DescMethod, json: JsonObject): Promise<Answer[]> {
  const connect = ask(`${system.edge}/${method.parent.typeName}/${method.name}`, 'POST', {
    body: json,
    token: access,
  });
  const rest = rulesOf(method).map(({ httpMethod, template, body }) => {
    const query = new URLSearchParams(Object.entries(json).map(([key, value]) => [key, JSON.stringify(value)]));
    return body === '*'
      ? ask(`${system.edge}${pathOf(template.text)}`, httpMethod, { body: json, token: access })
      : ask(`${system.edge}${pathOf(template.text)}?${query}`, httpMethod, { token: access });
  });
  return Promise.all([connect, ...rest]);
}

describe.each(methods)('$method.name', ({ name: service, method }) => {
  test('refuses every unknown field', async () => {
    // The first update creates the profile.
    for (const token of [access, victim.access]) {
      const made = await system.rest('PATCH', '/users/profile', { token, body: { bio: 'as it was' } });
      expect(made.status).toBe(200);
    }
    // An invalid request would be refused regardless of the field.
    assertValid(method.input, fromJson(method.input, requestFor(method)));
    const before = await snapshot();
    const own = new Set(fieldsOf(method.input));
    const foreign = (await candidateFields(service)).filter((name) => !own.has(name));
    expect(foreign.length).toBeGreaterThan(20);
    for (const name of foreign) {
      for (const value of valuesFor(name)) {
        // An assignment to __proto__ would set the prototype instead of a field.
        const json = Object.defineProperty(requestFor(method), name, { value, enumerable: true });
        for (const { status, text } of await sendEverywhere(method, json)) expect(status, `${name}: ${text}`).toBe(400);
      }
    }
    expect(await snapshot()).toEqual(before);
  });
});

test('a registration gets only self-assignable roles', async () => {
  for (const role of valuesFor('role')) {
    const body = { ...requestFor(AuthService.method.register), role };
    expect((await system.rest('POST', '/auth/register', { body })).status, JSON.stringify(role)).toBe(400);
  }
  for (const role of ['user', 'raider']) {
    const body = { ...requestFor(AuthService.method.register), role };
    expect((await system.rest('POST', '/auth/register', { body })).json.user.roles).toEqual([role]);
  }
  const { rows } = await db.query(
    `SELECT DISTINCT unnest(roles) AS role FROM auth.users WHERE email <> 'root@example.com'`,
  );
  expect(new Set(rows.map(({ role }) => role))).toEqual(new Set(['raider', 'user']));
});

test('refuses every update mask with an unknown or read-only field', async () => {
  const before = await snapshot();
  for (const name of (await candidateFields('user')).filter(
    (one) => !['name', 'bio', 'phone', 'locale'].includes(one),
  )) {
    for (const update_mask of [name, `bio,${name}`]) {
      const body = { bio: 'x', update_mask };
      expect((await system.rest('PATCH', '/users/profile', { token: access, body })).status, name).toBe(400);
    }
  }
  expect(await snapshot()).toEqual(before);
});
