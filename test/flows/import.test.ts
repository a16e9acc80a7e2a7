import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { type Mailbox, openMailbox } from '../mailbox.ts';
import { admin, openSystem, type System } from '../system.ts';

let mailbox: Mailbox;
let system: System;
let token: string;
let db: Client;
beforeAll(async () => {
  mailbox = await openMailbox();
  system = await openSystem({
    services: ['user', 'notification'],
    hashing: 'real',
    env: { SMTP_URL: mailbox.url, SIGNET_LOGIN_LIMIT_ADDRESS: '10000' },
  });
  token = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
  mailbox.close();
});

interface Entry {
  readonly email?: string | undefined;
  readonly name?: string;
  readonly password_hash?: string;
  readonly roles?: readonly string[];
  readonly email_verified?: boolean;
  readonly created_at?: string;
  readonly disabled?: boolean;
}

const address = () => `i${randomBytes(6).toString('hex')}@example.com`;

const importUsers = (users: readonly Entry[], as = token) =>
  system.rest('POST', '/admin/users:import', { token: as, body: { users } });

/** Imports one account and returns its result. */
async function bringOne(entry: Entry) {
  const { status, text, json } = await importUsers([{ email: address(), name: 'Ada', ...entry }]);
  expect(status, text).toBe(200);
  return json.results[0];
}

const login = async (email: string, password: string) =>
  system.rest('POST', '/auth/login', { body: { email, password } });

async function hashOf(email: string): Promise<string | null> {
  const { rows } = await db.query('SELECT password_hash FROM auth.users WHERE email = $1', [email]);
  return rows[0].password_hash;
}

const eventsOf = async (userId: string) =>
  (await system.rest('GET', `/admin/audit?subject_id=${userId}`, { token })).json.events;

test.each(['2a', '2b', '2y'] as const)(
  'an imported bcrypt hash ($%s$) signs in with the old password and is then replaced with Argon2id',
  async (version) => {
    const [email, password] = [address(), system.secret(`old ${randomBytes(8).toString('hex')}`)];
    const hash = system.secret(await bcrypt.hash(password, { cost: 5, version }));
    expect(await bringOne({ email, password_hash: hash })).toMatchObject({ email, outcome: 'created' });
    expect((await login(email, 'not the old password')).json.code).toBe('INVALID_CREDENTIALS');
    expect(await hashOf(email), 'a wrong password does not replace the hash').toBe(hash);
    expect((await login(email, password)).status).toBe(200);
    const replaced = system.secret((await hashOf(email)) ?? '');
    expect(replaced).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await login(email, password)).status).toBe(200);
    expect(await hashOf(email), 'it is replaced once').toBe(replaced);
  },
);

test.each([
  // Made by hashlib, passlib, openssl and the example of github.com/firebase/scrypt (kit/password-hash).
  ['PBKDF2', 'Grüße, 🦊 und Wärme', '$pbkdf2-sha1$i=1000,l=20$AAECAwQFBgcICQoLDA0ODw$7jbcb0LZEqp3Tr3o3yzb4XYEn7U'],
  [
    'scrypt',
    'Grüße, 🦊 und Wärme',
    '$scrypt$ln=4,r=8,p=5$AAECAwQFBgcICQoLDA0ODw$5xfugX18gXrjrLth6uQ67neK5H3l57Abi9B8fdXpmaQrwHsaybM6rYXkII0gboilH3s7ciZx3s2l/C1n0OcV/w',
  ],
  [
    "Firebase's scrypt",
    'user1password',
    '$firebase-scrypt$ln=14,r=8,p=1$42xEC+ixf3L2lwc$GjH2+Jz+dglLj5NuFkZHgBvZnv8Z8VZE5sdIgEAbIgeXy+ZfSpJLu1A++pZcpx0OhX41mDwvu2Olmp+PnfLfyQ',
  ],
  ['phpass', 'test12345', '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0'],
  [
    'SHA-crypt',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  ['WordPress', 'Grüße, 🦊 und Wärme', '$wp$2y$04$umF3slV0JtcK7pDag4R/jOmzJPXb3PZ2jTuNi.Zj4x/bZNZ/MP6fa'],
  [
    "Django's bcrypt_sha256",
    'ü'.repeat(60),
    'bcrypt_sha256$$2b$04$dheoZz8yEJYPdueFp5YH/OkOTs7NHjxFxwrzQKxGgFhZ.mLDI0hWi',
  ],
  [
    'Argon2i',
    'Grüße, 🦊 und Wärme',
    '$argon2i$v=19$m=64,t=2,p=2$BCBEyJkTotT6H+O8V0pJaQ$3dEjzcSw1w60eGv7A+hHVMNlubwXbfbRa7LZFfPTPaU',
  ],
])('an imported hash of %s signs in with the old password and is then replaced', async (_, password, hash) => {
  const email = address();
  [password, hash].forEach(system.secret);
  expect(await bringOne({ email, password_hash: hash })).toMatchObject({ outcome: 'created' });
  expect((await login(email, `${password}.`)).json.code).toBe('INVALID_CREDENTIALS');
  expect(await hashOf(email), 'a wrong password does not replace the hash').toBe(hash);
  expect((await login(email, password)).status).toBe(200);
  expect(system.secret((await hashOf(email)) ?? '')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect((await login(email, password)).status).toBe(200);
});

test('a password of WordPress that was typed with white space at its ends works without it from then on', async () => {
  const [email, password] = [address(), 'test12345'];
  // The test of openwall.com/phpass.
  await bringOne({ email, password_hash: '$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0' });
  expect((await login(email, `${password} `)).status).toBe(200);
  expect((await login(email, password)).status).toBe(200);
});

test('a sign-in replaces a weaker imported Argon2id hash and keeps a stronger one', async () => {
  const at = async (memoryCost: number, timeCost: number) => {
    const email = address();
    const hash = await argon2.hash('an old password', { memoryCost, timeCost, parallelism: 2 });
    expect((await bringOne({ email, password_hash: hash })).outcome).toBe('created');
    expect((await login(email, 'an old password')).status).toBe(200);
    return (await hashOf(email)) === hash;
  };
  expect([await at(7_168, 5), await at(20_000, 3)]).toEqual([false, true]);
});

test('an imported hash matches the password in the Unicode form that was hashed', async () => {
  // The forms look alike, and other systems do not normalize them.
  const [typed, composed] = ['de\u0301ja\u0300 vu', 'déjà vu'];
  const ofArgon2 = { memoryCost: 20_000, timeCost: 3, parallelism: 1 };
  for (const hash of [await bcrypt.hash(typed, { cost: 4 }), await argon2.hash(typed, ofArgon2)]) {
    const email = address();
    await bringOne({ email, password_hash: hash });
    expect((await login(email, composed)).json.code, 'another Unicode form').toBe('INVALID_CREDENTIALS');
    expect((await login(email, typed)).status).toBe(200);
    expect((await login(email, composed)).status, 'the replaced hash is of the normalized form').toBe(200);
    expect((await login(email, typed)).status).toBe(200);
  }
});

test('an import keeps the given fields, and the account works like any other', async () => {
  await system.rest('PUT', '/admin/roles/curator', { token, body: { scopes: ['museum'] } });
  const [email, password_hash] = [address(), await bcrypt.hash('an old password', { cost: 4 })];
  const created_at = '2019-05-04T03:02:01.123Z';
  const roles = ['support', 'curator'];
  const { user_id: id } = await bringOne({
    email: email.toUpperCase(),
    name: ' Grace ',
    password_hash,
    roles,
    email_verified: true,
    created_at,
  });
  const { json: user } = await system.rest('GET', `/admin/users/${id}`, { token });
  expect(user).toEqual({
    id,
    email,
    name: 'Grace',
    roles: ['curator', 'support'],
    created_at,
    email_verified_at: expect.any(String),
  });
  const { json } = await login(email, 'an old password');
  const profile = await system.rest('GET', '/users/profile', { token: json.access_token });
  expect(profile.json).toMatchObject({ id, email, name: 'Grace' });
  const { claims } = (await system.rest('GET', '/auth/verify', { token: json.access_token })).json;
  expect(claims.scope).toBe('museum signet:profile signet:support');

  const { user_id: later } = await bringOne({ created_at: '2019-05-04T03:02:01.124Z' });
  expect(later > id, 'lists start with the newest account').toBe(true);
  expect((await system.rest('GET', `/admin/users/${later}`, { token })).json).toMatchObject({ roles: ['user'] });
});

test('every imported account has an audit event with the importing admin and without the hash', async () => {
  const hash = await bcrypt.hash('x', { cost: 4 });
  const { user_id: id, email } = await bringOne({ password_hash: hash, roles: ['raider'] });
  const { json: me } = await system.rest('GET', '/auth/verify', { token });
  expect(await eventsOf(id)).toEqual([
    {
      id: expect.any(String),
      time: expect.any(String),
      kind: 'user_imported',
      outcome: 'success',
      actor_id: me.user.id,
      actor_email: admin.email,
      subject_id: id,
      subject_email: email,
      ip: '127.0.0.1',
      request_id: expect.any(String),
      details: { roles: ['raider'], email_verified: false, has_password: true, disabled: false },
    },
  ]);
  const bare = await bringOne({});
  expect((await eventsOf(bare.user_id))[0].details).toMatchObject({ has_password: false });
  expect((await system.rest('GET', '/admin/audit:verify', { token })).json.faults).toEqual([]);
});

test('a rejected entry has a reason, does not contain its hash, and does not affect the others', async () => {
  const good = await bcrypt.hash('an old password', { cost: 4 });
  const [costly, plain] = [good.replace('$04$', '$15$'), 'plain-text-password'];
  for (const hash of [costly, plain]) system.secret(hash);
  const emails = Array.from({ length: 7 }, address);
  const { json, text } = await importUsers([
    { email: emails[0], name: 'A', password_hash: good },
    { email: emails[1], name: 'B', password_hash: costly },
    { email: emails[2], name: 'C', password_hash: plain },
    { email: emails[3], name: 'D', password_hash: good.slice(0, -1) },
    { email: emails[4], name: 'E', roles: ['user', 'nobody-defined-it'] },
    { email: emails[0]?.toUpperCase(), name: 'F' },
    { email: admin.email, name: 'G', password_hash: good, roles: ['admin'] },
    { email: emails[6], name: 'H' },
  ]);
  const rejected = (at: number, reason: string) => ({
    email: emails[at],
    user_id: '',
    outcome: 'rejected',
    reason,
    description: expect.stringMatching(/\w{4}/),
  });
  const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
  expect(json.results).toEqual([
    { email: emails[0], user_id: id, outcome: 'created', reason: '', description: '' },
    rejected(1, 'HASH_TOO_COSTLY'),
    rejected(2, 'HASH_UNSUPPORTED'),
    rejected(3, 'HASH_MALFORMED'),
    rejected(4, 'ROLE_UNKNOWN'),
    { email: emails[0], user_id: json.results[0].user_id, outcome: 'email_taken', reason: '', description: '' },
    { email: admin.email, user_id: id, outcome: 'email_taken', reason: '', description: '' },
    { email: emails[6], user_id: id, outcome: 'created', reason: '', description: '' },
  ]);
  for (const hash of [costly, plain, good]) expect(text).not.toContain(hash.slice(-12));
  const { rows } = await db.query('SELECT email FROM auth.users WHERE email = ANY ($1) ORDER BY name', [emails]);
  expect(rows.map(({ email }) => email)).toEqual([emails[0], emails[6]]);
  expect((await login(admin.email, admin.password)).status, 'an existing account is unchanged').toBe(200);
});

test('an entry that violates the contract rejects the whole request and is named', async () => {
  const fieldsOf = async (entries: readonly Entry[]) => {
    const { status, json } = await importUsers(entries);
    expect([status, json.code]).toEqual([400, 'INVALID_ARGUMENT']);
    return json.errors.map(({ field }: { field: string }) => field);
  };
  const email = address();
  const sound = { email, name: 'Ada' };
  expect(await fieldsOf([])).toEqual(['users']);
  expect(await fieldsOf([sound, { email: 'nobody', name: 'Ada' }])).toEqual(['users[1].email']);
  expect(await fieldsOf([sound, sound, { email: address() }])).toContain('users[2].name');
  expect(await fieldsOf([{ ...sound, roles: ['A'] }])).toEqual(['users[0].roles[0]']);
  expect(await fieldsOf([{ ...sound, roles: ['a', 'a'] }])).toEqual(['users[0].roles']);
  expect(await fieldsOf([{ ...sound, password_hash: 'x'.repeat(513) }])).toEqual(['users[0].password_hash']);
  expect(await fieldsOf([{ ...sound, created_at: '2999-01-01T00:00:00Z' }])).toEqual(['users[0].created_at']);
  expect(await fieldsOf([{ ...sound, created_at: '1969-12-31T23:59:59Z' }])).toEqual(['users[0].created_at']);
  expect((await login(email, 'whatever')).json.code).toBe('INVALID_CREDENTIALS');
  expect((await db.query('SELECT FROM auth.users WHERE email = $1', [email])).rowCount, 'no account was created').toBe(
    0,
  );
});

test('accepts 100 accounts per request and refuses 101', async () => {
  const entries = Array.from({ length: 101 }, () => ({ email: address(), name: 'Ada' }));
  const refused = await importUsers(entries);
  expect([refused.status, refused.json.errors[0].field]).toEqual([400, 'users']);
  const { json } = await importUsers(entries.slice(0, 100));
  expect(json.results.map(({ email, outcome }: Record<string, string>) => [email, outcome])).toEqual(
    entries.slice(0, 100).map(({ email }) => [email, 'created']),
  );
});

test('a thousand accounts exist once, even when imported twice', async () => {
  const domain = `${randomBytes(4).toString('hex')}.example.com`;
  const password_hash = await bcrypt.hash('an old password', { cost: 4 });
  const entries = Array.from({ length: 1_000 }, (_, n) => ({
    email: `p${n}@${domain}`,
    name: `P ${n}`,
    password_hash,
  }));
  const pages = Array.from({ length: 10 }, (_, page) => entries.slice(page * 100, page * 100 + 100));
  const all = async () =>
    (await Promise.all(pages.map((page) => importUsers(page)))).flatMap(({ json }) => json.results);
  const first = await all();
  expect(first.filter(({ outcome }) => outcome === 'created')).toHaveLength(1_000);
  const state = async () => {
    const { rows } = await db.query(
      `SELECT md5(string_agg(u::text, ';' ORDER BY id)) AS state, count(*)::int AS count
      FROM auth.users u WHERE email LIKE $1`,
      [`%@${domain}`],
    );
    const events = await db.query(
      `SELECT count(*)::int AS count FROM auth.audit_events e
      JOIN auth.users u ON u.id::text = e.subject_id WHERE u.email LIKE $1`,
      [`%@${domain}`],
    );
    return { ...rows[0], events: events.rows[0].count };
  };
  const before = await state();
  expect(before).toMatchObject({ count: 1_000, events: 1_000 });
  const second = await all();
  expect(second.filter(({ outcome }) => outcome !== 'email_taken')).toEqual([]);
  expect(second.map(({ user_id }) => user_id)).toEqual(first.map(({ user_id }) => user_id));
  expect(await state()).toEqual(before);
  expect((await login(`p512@${domain}`, 'an old password')).status).toBe(200);
});

test('of fifty concurrent imports of one email, one creates the account and the others return its id', async () => {
  const email = address();
  const results = await Promise.all(Array.from({ length: 50 }, (_, n) => bringOne({ email, name: `Ada ${n}` })));
  const made = results.filter(({ outcome }) => outcome === 'created');
  expect(made).toHaveLength(1);
  expect(new Set(results.map(({ user_id }) => user_id))).toEqual(new Set([made[0].user_id]));
  expect(results.filter(({ outcome }) => outcome === 'email_taken')).toHaveLength(49);
  expect((await eventsOf(made[0].user_id)).map(({ kind }: { kind: string }) => kind)).toEqual(['user_imported']);
});

test('imports of the same accounts in opposite order do not deadlock', async () => {
  const emails = Array.from({ length: 100 }, address);
  const entries = emails.map((email) => ({ email, name: 'Ada' }));
  // Another transaction is about to create the middle account, so each import holds half of them while it waits.
  const taker = new Client(connection(system.database.url));
  await taker.connect();
  await taker.query('BEGIN');
  await taker.query(`INSERT INTO auth.users (id, email, name, roles) VALUES (gen_random_uuid(), $1, 'Ada', '{}')`, [
    emails.toSorted()[50],
  ]);
  const sorted = entries.toSorted((a, b) => (a.email < b.email ? -1 : 1));
  const imports = Promise.all([importUsers(sorted), importUsers(sorted.toReversed())]);
  const waiting = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%jsonb_to_recordset%'`;
  await expect.poll(async () => (await db.query(waiting)).rowCount).toBe(2);
  await taker.query('ROLLBACK');
  await taker.end();
  const answers = await imports;
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const results = answers.flatMap(({ json }) => json.results);
  expect(results.filter(({ outcome }) => outcome === 'created')).toHaveLength(100);
});

test('a role that is being deleted is not granted', async () => {
  for (let round = 0; round < 10; round += 1) {
    await system.rest('PUT', '/admin/roles/fleeting', { token, body: { scopes: ['x'] } });
    const entries = Array.from({ length: 5 }, () => ({ email: address(), name: 'Ada', roles: ['fleeting'] }));
    await Promise.all([importUsers(entries), system.rest('DELETE', '/admin/roles/fleeting', { token })]);
    expect((await db.query(`SELECT FROM auth.users WHERE 'fleeting' = ANY (roles)`)).rowCount).toBe(0);
  }
});

test('an account without a password responds like an unknown one until its owner resets the password', async () => {
  const email = address();
  const { user_id: id } = await bringOne({ email });
  expect(await hashOf(email)).toBeNull();
  // The last is the password of the dummy hash, which is checked when no account exists.
  for (const password of ['null', 'undefined', 'a good new password', 'no account has this password']) {
    const [one, unknown] = [await login(email, password), await login(address(), password)];
    expect([one.status, one.json.code]).toEqual([401, 'INVALID_CREDENTIALS']);
    const { request_id: _, ...expected } = one.json;
    expect(unknown.json).toMatchObject(expected);
  }
  expect((await system.rest('POST', '/auth/password/reset-request', { body: { email } })).status).toBe(200);
  const link = /#token=([\w-]+)/.exec(await mailbox.linkTo(email))?.[1] ?? '';
  const reset = await system.rest('POST', '/auth/password/reset', {
    body: { token: system.secret(link), new_password: system.secret('a good new password') },
  });
  expect(reset.status, reset.text).toBe(200);
  const { status, json } = await login(email, 'a good new password');
  expect([status, json.user]).toMatchObject([200, { id, email_verified_at: expect.any(String) }]);
  const changed = await system.rest('POST', '/auth/password', {
    token: json.access_token,
    body: { current_password: 'a good new password', new_password: system.secret('a better new password') },
  });
  expect(changed.status, changed.text).toBe(200);
  expect((await login(email, 'a better new password')).status).toBe(200);
});

test('a disabled account responds like an unknown one, keeps its email, and works once it is enabled', async () => {
  const [email, password_hash] = [address(), await bcrypt.hash('an old password', { cost: 4 })];
  const { user_id: id } = await bringOne({ email, password_hash, disabled: true });
  const { json: user } = await system.rest('GET', `/admin/users/${id}`, { token });
  expect(user.disabled_at).toEqual(expect.any(String));
  expect((await eventsOf(id))[0].details).toMatchObject({ disabled: true });
  const [one, unknown] = [await login(email, 'an old password'), await login(address(), 'an old password')];
  const { request_id: _, ...expected } = one.json;
  expect([one.status, unknown.json]).toMatchObject([401, expected]);
  const registered = await system.rest('POST', '/auth/register', {
    body: { email, name: 'Ada', password: system.secret('a quite new password') },
  });
  expect(registered.status).toBe(409);
  expect((await system.rest('POST', `/admin/users/${id}:enable`, { token })).status).toBe(200);
  expect((await login(email, 'an old password')).status).toBe(200);
});

test('only an administrator can import accounts', async () => {
  const { access } = await system.person();
  const refused = await importUsers([{ email: address(), name: 'Ada' }], access);
  expect([refused.status, refused.json.code]).toEqual([403, 'INSUFFICIENT_SCOPE']);
});
