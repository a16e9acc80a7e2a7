import { Client as GrpcClient, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { ask, openSystem, type Person, type System } from '../system.ts';
import { openSplitEdge } from './rig.ts';
import { bodies } from './secrets/bodies.ts';
import { heads } from './secrets/heads.ts';
import { requestText, sendRaw } from './wire.ts';

let system: System;
let split: Awaited<ReturnType<typeof openSplitEdge>>;
let ada: Person;
const written: string[] = [];
beforeAll(async () => {
  system = await openSystem();
  split = await openSplitEdge(system);
  ada = await system.person();
});
afterAll(async () => {
  await split.close();
  // Asserts that no secret was logged.
  await system.close();
});

// Output that bypasses the logger bypasses its redaction.
beforeEach(() => {
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, method).mockImplementation((...parts) => void written.push(parts.map(String).join(' ')));
});
afterEach(expectNoConsoleOutput);

function expectNoConsoleOutput(): void {
  vi.restoreAllMocks();
  expect(written.splice(0)).toEqual([]);
}

/** A secret that no encoding changes. Like a token it has a hyphen, so it cannot be a field name. */
const letters = () => system.secret(`s3cr3t-${randomBytes(12).toString('hex')}`);
const digits = () =>
  system.secret(
    `7${BigInt(`0x${randomBytes(5).toString('hex')}`)
      .toString()
      .padStart(13, '4')}`,
  );

/** The response without the request path, which the client sent. */
function withoutPath(text: string): string {
  return text.replace(/"instance":"[^"]*"/, '');
}

function expectSilent(secret: string, answer: string): void {
  expect(withoutPath(answer)).not.toContain(secret);
  // Not even in parts, because parsers quote the text around an error.
  for (let at = 0; at + 8 <= secret.length; at += 4)
    expect(withoutPath(answer)).not.toContain(secret.slice(at, at + 8));
  expect(system.logged() + split.logged()).not.toContain(secret);
}

const json = 'Content-Type: application/json';
const login = { REST: '/api/v1/auth/login', Connect: '/signet.auth.v1.AuthService/Login' } as const;
const register = { REST: '/api/v1/auth/register', Connect: '/signet.auth.v1.AuthService/Register' } as const;
const update = { REST: '/api/v1/users/profile', Connect: '/signet.user.v1.UserService/UpdateProfile' } as const;

describe.each(['REST', 'Connect'] as const)('a malformed body on %s', (protocol) => {
  test.each(bodies)('is not repeated: %s', async (_, make) => {
    for (const base of [system.edge, split.edge, system.auth]) {
      const secret = letters();
      const answer = await sendRaw(base, requestText('POST', login[protocol], { headers: [json], body: make(secret) }));
      expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
      expectSilent(secret, answer.text);
    }
  });

  test.each([
    ['a number for a string', (secret: string) => `{"email":"a@example.com","password":${secret}}`],
    ['a number in a list', (secret: string) => `{"email":"a@example.com","password":[${secret}]}`],
    ['a negative number for a string', (secret: string) => `{"email":"a@example.com","password":-${secret}}`],
    ['a number as the whole body', (secret: string) => secret],
  ])('is not repeated: %s', async (_, make) => {
    const secret = digits();
    const answer = await sendRaw(
      system.edge,
      requestText('POST', login[protocol], { headers: [json], body: make(secret) }),
    );
    expect(answer.status, answer.text).toBe(400);
    expectSilent(secret, answer.text);
  });

  test.each(['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
    'of %s is not repeated',
    async (type) => {
      const secret = letters();
      const headers = [`Content-Type: ${type}; a=${secret}`];
      const answer = await sendRaw(
        system.edge,
        requestText('POST', login[protocol], { headers, body: `password=${secret}` }),
      );
      expect(answer.status).toBe(415);
      expectSilent(secret, answer.text);
    },
  );

  test('is not repeated for a rejected registration: password, name, role', async () => {
    for (const change of [{ password: 'short' }, { role: 'admin' }, { name: '' }, { email: 'x' }]) {
      const [password, name] = [letters(), letters()];
      const body = { email: `p${randomBytes(6).toString('hex')}@example.com`, password, name, ...change };
      const answer = await ask(`${system.edge}${register[protocol]}`, 'POST', { body });
      expect(answer.status).toBe(400);
      expectSilent(password, answer.text);
      expectSilent(name, answer.text);
    }
    const role = letters();
    const body = { email: 'r@example.com', password: letters(), name: 'x', role };
    expectSilent(role, (await ask(`${system.edge}${register[protocol]}`, 'POST', { body })).text);
  });

  test.each(['update_mask', 'phone', 'locale'])('is not repeated for a secret in %s', async (field) => {
    const secret = letters();
    const value = field === 'update_mask' ? secret : `${secret}!${'x'.repeat(50)}`;
    const method = protocol === 'REST' ? 'PATCH' : 'POST';
    const answer = await ask(`${system.edge}${update[protocol]}`, method, {
      token: ada.access,
      body: { [field]: value },
    });
    expect(answer.status, answer.text).toBe(400);
    expectSilent(secret, answer.text);
  });
});

test.each(heads)('does not repeat a secret in the head: %s', async (_, make) => {
  for (const base of [system.edge, split.edge, system.auth]) {
    const secret = letters();
    const answer = await sendRaw(base, make(secret));
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
    expectSilent(secret, answer.text);
  }
});

test.each([
  ['user service', () => `127.0.0.1:${system.userPort}`, '/signet.user.v1.UserService/UpdateProfile'],
  ['auth service', () => `127.0.0.1:${system.authGrpcPort}`, '/signet.auth.v1.AuthService/Login'],
  ['edge', () => new URL(system.edge).host, '/signet.auth.v1.AuthService/Login'],
])('does not repeat a secret in bytes that are not protobuf over gRPC: %s', async (_, target, path) => {
  const client = new GrpcClient(target(), credentials.createInsecure());
  const secret = letters();
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${ada.access}`);
  const raw = (bytes: Buffer) => bytes;
  for (const body of [
    Buffer.from(`\u000a\u00ff${secret}`, 'latin1'),
    Buffer.from(secret),
    Buffer.from(`\u0012\u007f${secret}`),
  ]) {
    const {
      code,
      details,
      metadata: trailer,
    } = await new Promise<StatusObject>((resolve) => {
      client.makeUnaryRequest(path, raw, raw, body, metadata, () => undefined).on('status', resolve);
    });
    expect(code).not.toBe(0);
    expectSilent(
      secret,
      details +
        JSON.stringify(trailer.getMap()) +
        Buffer.concat(trailer.get('grpc-status-details-bin').map((bytes) => Buffer.from(bytes))).toString('latin1'),
    );
  }
  client.close();
});

test('responses and log lines contain no secret while the database fails', async () => {
  const db = new Client(connection(system.database.url));
  await db.connect();
  const { rows } = await db.query<{ password_hash: string }>('SELECT password_hash FROM auth.users');
  for (const { password_hash: hash } of rows) system.secret(hash);
  const { password, refresh, access } = ada;
  const wanted = letters();
  // Another user, because a logout succeeds while another table is missing.
  const leaving = await system.person();
  const answers: string[] = [];
  for (const [schema, table] of [
    ['auth', 'sessions'],
    ['auth', 'users'],
    ['user', 'profiles'],
  ] as const) {
    await db.query(`ALTER TABLE "${schema}".${table} RENAME TO ${table}_away`);
    for (const base of [system.edge, split.edge]) {
      const call = (method: string, path: string, body: unknown, token?: string) =>
        ask(`${base}${path}`, method, { token, ...(body === undefined ? {} : { body }) });
      const all = await Promise.all([
        call('POST', login.REST, { email: ada.email, password }),
        call('POST', login.Connect, { email: ada.email, password }),
        call('POST', register.REST, { email: 'new@example.com', password: wanted, name: 'x' }),
        call('POST', '/api/v1/auth/refresh', { refresh_token: refresh }),
        call('POST', '/api/v1/auth/logout', { refresh_token: leaving.refresh }),
        call('GET', '/api/v1/auth/verify', undefined, access),
        call('GET', '/api/v1/users/profile', undefined, access),
        call('PATCH', '/api/v1/users/profile', { bio: wanted }, access),
      ]);
      expect(all.some(({ status }) => status >= 500)).toBe(true);
      answers.push(...all.filter(({ status }) => status >= 400).map(({ text }) => text));
    }
    await db.query(`ALTER TABLE "${schema}".${table}_away RENAME TO ${table}`);
  }
  await db.end();
  for (const secret of [password, refresh, access, wanted, ...rows.map(({ password_hash: hash }) => hash)]) {
    for (const text of answers) expect(text).not.toContain(secret);
    expect(system.logged() + split.logged()).not.toContain(secret);
  }
  // Only the log contains the cause.
  for (const text of answers) expect(text).not.toMatch(/relation|prisma|column|SELECT|sessions_away/i);
  expect(system.logged()).toMatch(/"level":50/);
});

test('log lines contain no query and no body of successful requests', async () => {
  const secret = letters();
  await system.rest('PATCH', '/users/profile', { token: ada.access, body: { bio: secret } });
  await ask(
    `${system.edge}/signet.user.v1.UserService/GetProfile?connect=v1&encoding=json&message=%7B%7D&x=${secret}`,
    'GET',
    { token: ada.access },
  );
  expect(system.logged()).toContain('UserService/GetProfile');
  expect(system.logged()).not.toContain(secret);
});
