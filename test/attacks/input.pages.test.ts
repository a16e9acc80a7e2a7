import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PageTokenSchema } from '#gen/proto/signet/type/v1/page_pb.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

// A client can forge page tokens, and filters become part of SQL statements.

let system: System;
let token: string;
let ada: Person;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_SESSION_LIMIT: '1000' } });
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
  const people = [await system.person(), await system.person(), await system.person('raider')];
  [ada] = people as [Person, ...Person[]];
  for (const role of ['editor', 'author', 'printer'])
    await system.rest('PUT', `/admin/roles/${role}`, { token, body: { scopes: [`${role}.write`] } });
  await system.rest('POST', '/admin/keys:rotate', { token, body: {} });
});
afterAll(() => system.close());

const get = (path: string, who = token) => system.rest('GET', path, { token: who });
const at = (path: string, query: string) => `${path}${path.includes('?') ? '&' : '?'}${query}`;

/** Every paged list. */
const lists = [
  '/admin/users',
  '/admin/users?role=user',
  '/admin/users?disabled=false',
  '/admin/audit',
  '/admin/audit?kind=login',
  '/admin/keys',
  '/admin/roles',
  '/auth/sessions',
  '/auth/sessions?include_ended=true',
];

async function tokenOf(path: string): Promise<string> {
  if (path.startsWith('/auth/sessions')) await system.rest('POST', '/auth/login', { body: admin });
  const { status, json } = await get(at(path, 'page_size=1'));
  expect(status).toBe(200);
  expect(json.next_page_token, path).not.toBe('');
  return json.next_page_token as string;
}

/** The page token of a list with another position. */
function moved(pageToken: string, after: string[]): string {
  const { filter } = fromBinary(PageTokenSchema, Buffer.from(pageToken, 'base64url'));
  return Buffer.from(toBinary(PageTokenSchema, create(PageTokenSchema, { after, filter }))).toString('base64url');
}

describe.each(lists)('%s', (path) => {
  test('refuses the page token of another list or filter', async () => {
    for (const other of lists.filter((one) => one !== path)) {
      const { status, json } = await get(at(path, `page_token=${await tokenOf(other)}`));
      expect([status, json.errors?.[0].field], other).toEqual([400, 'page_token']);
    }
    expect((await get(at(path, `page_token=${await tokenOf(path)}`))).status).toBe(200);
  });

  test('refuses a page token with an invalid position', async () => {
    const good = await tokenOf(path);
    const { after } = fromBinary(PageTokenSchema, Buffer.from(good, 'base64url'));
    const positions = [
      [],
      [''],
      ['x'],
      ['\0'],
      ['', ''],
      ['x', 'x'],
      ['\0', '\0'],
      ["'; DROP TABLE auth.users; --", "' OR 1=1"],
      [...after, ...after],
      ['2026-01-01T00:00:00.000Z', 'x\0'],
      ['infinity', ada.id],
      ['+275760-09-13T00:00:00.000Z', ada.id],
      ['2026-02-31T00:00:00.000Z', ada.id],
      ['now', ada.id],
      after.toReversed().concat('x'),
    ];
    for (const position of positions) {
      const { status, text } = await get(at(path, `page_token=${moved(good, position)}`));
      // For a list sorted by name, any text is a valid position.
      expect([200, 400], `${JSON.stringify(position)} ${text}`).toContain(status);
    }
    for (const hostile of [
      'x',
      '%00',
      'AAAA',
      '..%2F',
      `${good}x`,
      good.slice(0, -2),
      'A'.repeat(1_024),
      '%F0%9F%92%A9',
    ])
      expect((await get(at(path, `page_token=${hostile}`))).status, hostile).toBe(400);
    expect((await get(at(path, `page_token=${'A'.repeat(1_025)}`))).status).toBe(400);
  });
});

test.each([
  '/admin/users?role=%00',
  '/admin/users?email_prefix=%00',
  '/admin/users?email_prefix=a%00b',
  '/admin/audit?actor_id=%00',
  '/admin/audit?subject_id=%00',
  '/admin/audit?kind=%00',
  '/admin/users?page_size=101',
  '/admin/users?page_size=-1',
  '/admin/audit?page_size=101',
  '/admin/audit?from_time=yesterday',
  '/admin/audit:verify?from_position=-1',
  '/admin/audit:verify?from_position=9223372036854775808',
  '/admin/audit:verify?from_position=2&from_sequence=2',
  '/admin/audit:verify?from_sequence=-1',
])('%s yields 400', async (path) => {
  const { status, text } = await get(path);
  expect(status, text).toBe(400);
});

test.each([
  ['/admin/audit?from_time=0001-01-01T00:00:00Z&to_time=9999-12-31T23:59:59.999999999Z', 200],
  ['/admin/audit?from_time=9999-12-31T23:59:59Z', 200],
  ['/admin/audit:verify?from_position=9223372036854775807', 200],
  ['/admin/audit:verify?from_sequence=2147483647', 200],
  ['/admin/users?email_prefix=%25_%5C', 200],
  ['/admin/users?page_size=100', 200],
])('%s yields %i', async (path, expected) => {
  const { status, text } = await get(path);
  expect(status, text).toBe(expected);
});

describe('an account', () => {
  const acts: [string, string][] = [
    ['GET', ''],
    ['POST', ':disable'],
    ['POST', ':enable'],
    ['POST', ':signOut'],
    ['PUT', '/roles/user'],
    ['DELETE', '/roles/user'],
  ];
  const act = (method: string, id: string, rest: string) =>
    system.rest(method, `/admin/users/${id}${rest}`, {
      token,
      ...(method === 'POST' || method === 'PUT' ? { body: {} } : {}),
    });

  test.each(acts)('yields 400 for an invalid id and 404 for an unknown one: %s %s', async (method, rest) => {
    for (const id of ['x', '1', "'", '%00', `${ada.id}x`, ada.id.replaceAll('-', ''), '%F0%9F%92%A9'])
      expect((await act(method, id, rest)).status, id).toBe(400);
    expect((await act(method, crypto.randomUUID(), rest)).json.code).toBe('NOT_FOUND');
  });

  test('cannot get an unknown role, and gets a role only once', async () => {
    expect((await act('PUT', ada.id, '/roles/nobody-defined')).json.code).toBe('NOT_FOUND');
    for (const role of ['Admin', '__proto__', 'constructor', 'a%00', '%20admin', 'a'.repeat(65)])
      expect([400, 404], role).toContain((await act('PUT', ada.id, `/roles/${role}`)).status);
    for (let time = 0; time < 2; time++)
      expect((await act('PUT', ada.id, '/roles/editor')).json.roles).toEqual(['editor', 'user']);
    expect((await act('DELETE', ada.id, '/roles/editor')).status).toBe(204);
    expect((await act('DELETE', ada.id, '/roles/editor')).status).toBe(404);
  });

  test('of the last administrator cannot be disabled, demoted or deleted, but can be signed out', async () => {
    const { json } = await system.rest('POST', '/auth/login', { body: admin });
    const { id } = json.user;
    const access = system.secret(json.access_token);
    for (const [method, rest] of [
      ['POST', ':disable'],
      ['DELETE', '/roles/admin'],
    ] as const)
      expect((await act(method, id, rest)).json.code).toBe('LAST_ADMIN');
    expect((await system.rest('DELETE', '/users/account', { token: access })).json.code).toBe('LAST_ADMIN');
    expect((await get('/admin/users')).status).toBe(200);
  });
});
