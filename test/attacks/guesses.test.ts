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

// Password guessing: known vulnerabilities, from one and from many networks.

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
/** Clears the limits before each test; their window is 15 minutes. */
beforeEach(() => db.query('DELETE FROM auth.attempts'));

/** A call as the edge forwards it for a client at an address. */
const at = (address: string, more: Record<string, string> = {}) => ({
  headers: { 'x-signet-caller': caller, 'x-signet-peer': address, ...more },
  // Attempts on one account wait for each other, so the deadline is long.
  timeoutMs: 30_000,
});
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: unknown) => reasonOf(error) ?? String(error),
  );
const login = (address: string, email: string, password: string) =>
  outcomeOf(createClient(AuthService, channel).login({ email, password }, at(address)));
const requestReset = (address: string, email: string) =>
  outcomeOf(createClient(PasswordService, channel).requestPasswordReset({ email }, at(address)));
const change = (address: string, { access, password }: Person, current: string) =>
  outcomeOf(
    createClient(PasswordService, channel).changePassword(
      { currentPassword: current, newPassword: `${password} and more` },
      at(address, { authorization: `Bearer ${access}` }),
    ),
  );

/** The number of times that each outcome occurred. */
function counted(answers: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(answers)].map((one) => [one, answers.filter((two) => two === one).length]));
}
/** Moves the window forward by an interval. */
const pass = (interval: string) =>
  db.query('UPDATE auth.attempts SET resets_at = resets_at - $1::interval', [interval]);

describe('CVE-2024-4629, CVE-2023-47111: concurrent attempts bypass the lockout', () => {
  test('of 300 concurrent attempts, half of them password changes, four are checked', async () => {
    const [target, other] = [await system.person(), await system.person()];
    const tries = Array.from({ length: 300 }, (_, index) =>
      // From the network of the owner, because the thief of an access token can choose the network.
      index % 2 === 0
        ? login('127.0.0.1', target.email, `wrong ${index}`)
        : change('127.0.0.1', target, `wrong ${index}`),
    );
    expect(counted(await Promise.all(tries))).toEqual({ INVALID_CREDENTIALS: 4, LOGIN_LIMITED: 296 });
    expect(await login('127.0.0.1', target.email, target.password), 'the correct password over the limit').toBe(
      'LOGIN_LIMITED',
    );
    expect(await change('127.0.0.1', target, target.password)).toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', other.email, other.password)).toBe('OK');
  });

  test('from 100 networks at once, four attempts on an account are checked', async () => {
    const { email } = await system.person();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login(`198.51.100.${index}`, email, 'wrong')),
    );
    expect(counted(answers)).toEqual({ INVALID_CREDENTIALS: 4, LOGIN_LIMITED: 96 });
  });

  test('on 100 accounts at once, twelve attempts of a network are checked', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login('203.0.113.9', `nobody${index}@example.com`, 'wrong')),
    );
    expect(counted(answers)).toEqual({ INVALID_CREDENTIALS: 12, LOGIN_LIMITED: 88 });
  });
});

describe('CVE-2026-45364: another spelling of an address gets a new limit', () => {
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
  ])('%s has one limit', async (_, spellings) => {
    const answers: string[] = [];
    for (let index = 0; index < 15; index++) {
      answers.push(await login(spellings[index % spellings.length] ?? '', `nobody${index}@example.com`, 'wrong'));
    }
    expect(answers).toEqual([...Array(12).fill('INVALID_CREDENTIALS'), ...Array(3).fill('LOGIN_LIMITED')]);
    // The neighbouring network has its own limit.
    expect(await login('2001:db8:0:8::1', 'nobody@example.com', 'wrong')).toBe('INVALID_CREDENTIALS');
    expect(await login('192.0.2.8', 'nobody@example.com', 'wrong')).toBe('INVALID_CREDENTIALS');
  });
});

describe('the limit of an account', () => {
  test('allows four wrong passwords and refuses the fifth until the window is over', async () => {
    const { email, password } = await system.person();
    const answers: string[] = [];
    for (let index = 0; index < 5; index++) answers.push(await login('192.0.2.1', email, 'wrong'));
    expect(answers).toEqual([...Array(4).fill('INVALID_CREDENTIALS'), 'LOGIN_LIMITED']);
    await pass('14 minutes 50 seconds');
    expect(await login('192.0.2.1', email, password)).toBe('LOGIN_LIMITED');
    await pass('10 seconds');
    expect(await login('192.0.2.1', email, password)).toBe('OK');
  });

  test('is reset by a correct password', async () => {
    const { email, password } = await system.person();
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 3; index++)
        expect(await login('127.0.0.1', email, 'wrong')).toBe('INVALID_CREDENTIALS');
      expect(await login('127.0.0.1', email, password)).toBe('OK');
    }
  });

  test('does not lock the owner out of known networks when strangers reach it', async () => {
    const { email, password } = await system.person();
    for (let index = 0; index < 10; index++) await login(`198.51.100.${index}`, email, 'wrong');
    expect(await login('198.51.100.99', email, password), 'from anywhere else').toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', email, password), 'from home').toBe('OK');
    // A wrong password gets the same response from a known network, and the limit there is the same.
    for (let index = 0; index < 4; index++) expect(await login('127.0.0.1', email, 'wrong')).toBe('LOGIN_LIMITED');
    expect(await login('127.0.0.1', email, password), 'the correct password after four wrong ones').toBe(
      'LOGIN_LIMITED',
    );
  });

  test('does not count attempts that the limit of the network refuses', async () => {
    const { email, password } = await system.person();
    for (let index = 0; index < 12; index++) await login('203.0.113.5', `nobody${index}@example.com`, 'wrong');
    for (let index = 0; index < 10; index++) expect(await login('203.0.113.5', email, 'wrong')).toBe('LOGIN_LIMITED');
    expect(await login('203.0.113.6', email, password)).toBe('OK');
  });
});

describe('link mails', () => {
  test('are limited to five in half an hour per account, silently, and to twenty an hour per network, with an error', async () => {
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

test('forwarded addresses count only from a service; a stranger counts by the peer address', async () => {
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
