import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { ask, openSystem, type Person, type System } from '../system.ts';

// Guessing of passwords, under the names that it is known by, and from wherever it comes.

let system: System;
let channel: GrpcTransport;
let db: Client;
let caller: string;
beforeAll(async () => {
  system = await openSystem({
    env: {
      SIGNET_HASH_QUEUE: '1000',
      SIGNET_LOGIN_LIMIT: '4',
      SIGNET_LOGIN_LIMIT_ADDRESS: '12',
    },
  });
  channel = createGrpcTransport(`127.0.0.1:${system.authGrpcPort}`, [
    AuthService,
    PasswordService,
    ServiceTokenService,
  ]);
  db = new Client(connection(system.database.url));
  await db.connect();
  const { name, key } = system.service;
  caller = await createServiceIdentity({ name, key, issuer: 'http://localhost:8080', transport: channel }).token();
  system.secret(caller);
});
afterAll(async () => {
  await db.end();
  channel.close();
  await system.close();
});
/** Each test has the limits to itself: tests are quicker than a quarter of an hour. */
beforeEach(() => db.query('DELETE FROM auth.attempts'));

/** A call as the edge makes it for somebody at an address. */
const at = (address: string, more: Record<string, string> = {}) => ({
  headers: { 'x-signet-caller': caller, 'x-signet-peer': address, ...more },
  // Tries on one account wait for each other; how long is not what this is about.
  timeoutMs: 30_000,
});
const said = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: unknown) => reasonOf(error) ?? String(error),
  );
const login = (address: string, email: string, password: string) =>
  said(createClient(AuthService, channel).login({ email, password }, at(address)));
const requestReset = (address: string, email: string) =>
  said(createClient(PasswordService, channel).requestPasswordReset({ email }, at(address)));
const change = (address: string, { access, password }: Person, current: string) =>
  said(
    createClient(PasswordService, channel).changePassword(
      { currentPassword: current, newPassword: `${password} and more` },
      at(address, { authorization: `Bearer ${access}` }),
    ),
  );

/** How often each answer came. */
function counted(answers: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(answers)].map((one) => [one, answers.filter((two) => two === one).length]));
}
/** As if so much of the window had passed. */
const pass = (interval: string) =>
  db.query('UPDATE auth.attempts SET resets_at = resets_at - $1::interval', [interval]);

describe('CVE-2024-4629, CVE-2023-47111: tries at once pass the lockout', () => {
  test('300 at once, half of them as changes of the password, are four that are tried', async () => {
    const [target, other] = [await system.person(), await system.person()];
    const tries = Array.from({ length: 300 }, (_, index) =>
      // The owner's network: whoever has stolen an access token guesses from where they like.
      index % 2 === 0
        ? login('127.0.0.1', target.email, `wrong ${index}`)
        : change('127.0.0.1', target, `wrong ${index}`),
    );
    expect(counted(await Promise.all(tries))).toEqual({ INVALID_CREDENTIALS: 4, LOGIN_LIMITED: 296 });
    expect(await login('127.0.0.1', target.email, target.password), 'the right one, past the limit').toBe(
      'LOGIN_LIMITED',
    );
    expect(await change('127.0.0.1', target, target.password)).toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', other.email, other.password)).toBe('OK');
  });

  test('from 100 networks at once, an account has four tries all together', async () => {
    const { email } = await system.person();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login(`198.51.100.${index}`, email, 'wrong')),
    );
    expect(counted(answers)).toEqual({ INVALID_CREDENTIALS: 4, LOGIN_LIMITED: 96 });
  });

  test('at 100 accounts at once, a network has twelve', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login('203.0.113.9', `nobody${index}@example.com`, 'wrong')),
    );
    expect(counted(answers)).toEqual({ INVALID_CREDENTIALS: 12, LOGIN_LIMITED: 88 });
  });
});

describe('CVE-2026-45364: an address in other spellings counts anew', () => {
  test.each([
    [
      'an IPv6 network, in any spelling of any address of it',
      [
        '2001:db8:0:7::1',
        '2001:0DB8:0000:0007::2',
        '2001:db8::7:0:0:0:3',
        '2001:db8:0:7:ffff:ffff:ffff:ffff',
        '2001:db8:0:7::198.51.100.1',
      ],
    ],
    [
      'an IPv4 address, mapped or not',
      ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7'],
    ],
  ])('%s is one', async (_, spellings) => {
    const answers: string[] = [];
    for (let index = 0; index < 15; index++) {
      answers.push(await login(spellings[index % spellings.length] ?? '', `nobody${index}@example.com`, 'wrong'));
    }
    expect(answers).toEqual([...Array(12).fill('INVALID_CREDENTIALS'), ...Array(3).fill('LOGIN_LIMITED')]);
    // The network beside it has tries of its own.
    expect(await login('2001:db8:0:8::1', 'nobody@example.com', 'wrong')).toBe('INVALID_CREDENTIALS');
    expect(await login('192.0.2.8', 'nobody@example.com', 'wrong')).toBe('INVALID_CREDENTIALS');
  });
});

describe('the limit of an account', () => {
  test('is four wrong ones and not the fifth; the window over, the tries come back', async () => {
    const { email, password } = await system.person();
    const answers: string[] = [];
    for (let index = 0; index < 5; index++) answers.push(await login('192.0.2.1', email, 'wrong'));
    expect(answers).toEqual([...Array(4).fill('INVALID_CREDENTIALS'), 'LOGIN_LIMITED']);
    await pass('14 minutes 50 seconds');
    expect(await login('192.0.2.1', email, password)).toBe('LOGIN_LIMITED');
    await pass('10 seconds');
    expect(await login('192.0.2.1', email, password)).toBe('OK');
  });

  test('begins anew with a right one', async () => {
    const { email, password } = await system.person();
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 3; index++)
        expect(await login('127.0.0.1', email, 'wrong')).toBe('INVALID_CREDENTIALS');
      expect(await login('127.0.0.1', email, password)).toBe('OK');
    }
  });

  test('is reached by strangers without locking the owner out where they have been before', async () => {
    const { email, password } = await system.person();
    for (let index = 0; index < 10; index++) await login(`198.51.100.${index}`, email, 'wrong');
    expect(await login('198.51.100.99', email, password), 'from anywhere else').toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', email, password), 'from home').toBe('OK');
    // A wrong one is answered there as everywhere, and the tries are no more than elsewhere.
    for (let index = 0; index < 4; index++) expect(await login('127.0.0.1', email, 'wrong')).toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', email, password), 'a right one, past four wrong ones there').toBe('LOGIN_LIMITED');
  });

  test('counts no try that its network has none left for', async () => {
    const { email, password } = await system.person();
    for (let index = 0; index < 12; index++) await login('203.0.113.5', `nobody${index}@example.com`, 'wrong');
    for (let index = 0; index < 10; index++) expect(await login('203.0.113.5', email, 'wrong')).toBe('LOGIN_LIMITED');
    expect(await login('203.0.113.6', email, password)).toBe('OK');
  });
});

describe('mails with links', () => {
  test('are five in half an hour to an account, which no answer shows, and twenty an hour from a network, which it does', async () => {
    const ada = await system.person();
    const sent = async () => {
      const sql = `SELECT count(*)::int FROM auth.audit_events WHERE kind = 'password_reset_requested' AND subject_id = $1`;
      return (await db.query<{ count: number }>(sql, [ada.id])).rows[0]?.count;
    };
    for (let index = 0; index < 8; index++) expect(await requestReset(`198.51.100.${index}`, ada.email)).toBe('OK');
    await expect.poll(sent).toBe(5);
    for (let index = 0; index < 20; index++)
      expect(await requestReset('192.0.2.3', `n${index}@example.com`)).toBe('OK');
    expect(await requestReset('192.0.2.3', ada.email)).toBe('LOGIN_LIMITED');
    expect(await sent()).toBe(5);
    await pass('1 hour');
    expect(await requestReset('192.0.2.3', ada.email)).toBe('OK');
    await expect.poll(sent).toBe(6);
  });
});

test('only a service is believed whom it asks for: a stranger counts where they are', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      ask(`${system.edge}/api/v1/auth/login`, 'POST', {
        body: { email: `nobody${index}@example.com`, password: 'wrong' },
        headers: {
          'x-signet-peer': `198.51.100.${index}`,
          'x-forwarded-for': `198.51.100.${index}`,
          'x-signet-caller': caller,
        },
      }),
    ),
  );
  expect(counted(answers.map(({ json }) => json.code as string))).toEqual({
    INVALID_CREDENTIALS: 12,
    LOGIN_LIMITED: 8,
  });
});
