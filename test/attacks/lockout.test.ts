import { createClient } from '@connectrpc/connect';
import * as bcrypt from '@node-rs/bcrypt';
import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { PasswordService } from '#gen/proto/signet/auth/v1/password_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { type Mailbox, openMailbox } from '../mailbox.ts';
import { admin, openSystem, type System } from '../system.ts';

// A stranger sends wrong passwords, over the limit of the account and below all others. The owner must still be able to
// sign in, and the responses must not show the stranger where the owner signs in from.

const limit = 4;
let system: System;
let mailbox: Mailbox;
let channel: GrpcTransport;
let db: Client;
let caller: string;
beforeAll(async () => {
  mailbox = await openMailbox();
  system = await openSystem({
    services: ['user', 'notification'],
    env: {
      SMTP_URL: mailbox.url,
      SIGNET_HASH_QUEUE: '1000',
      SIGNET_LOGIN_LIMIT: String(limit),
      SIGNET_LOGIN_LIMIT_ADDRESS: '30',
    },
  });
  const services = [AuthService, EmailService, PasswordService, ServiceTokenService];
  channel = createGrpcTransport(`127.0.0.1:${system.authGrpcPort}`, services);
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
  mailbox.close();
});
/** Clears the limits before each test; their window is 15 minutes. */
beforeEach(() => db.query('DELETE FROM auth.attempts'));

/** A call as the edge forwards it for a client at an address. */
const at = (address: string, more: Record<string, string> = {}) => ({
  headers: { 'x-signet-caller': caller, 'x-signet-peer': address, ...more },
  timeoutMs: 30_000,
});
const auth = () => createClient(AuthService, channel);
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: unknown) => reasonOf(error) ?? String(error),
  );
const login = (address: string, email: string, password: string, deviceToken?: string) =>
  outcomeOf(auth().login({ email, password, ...(deviceToken === undefined ? {} : { deviceToken }) }, at(address)));

const [home, abroad] = ['203.0.113.1', '198.51.100.200'];

/** A user who registered from the home network and has not signed in. */
async function registered() {
  const email = `${randomUUID()}@example.com`;
  const password = system.secret(randomUUID());
  const { user } = await auth().register({ email, password, name: 'Ada' }, at(home));
  return { id: user?.id ?? '', email, password };
}

/** The device token that a sign-in returns. */
async function deviceTokenOf({ email, password }: { email: string; password: string }, address = home) {
  const answer = await auth().login({ email, password }, at(address));
  for (const one of [answer.accessToken, answer.refreshToken, answer.deviceToken]) system.secret(one ?? '');
  return answer.deviceToken ?? '';
}

/** Uses up the limit of the account, so that a correct password from an unknown network is refused. */
async function attack({ email, password }: { email: string; password: string }) {
  for (let index = 0; index < limit + 2; index++) await login('192.0.2.66', email, 'wrong');
  expect(await login('198.51.100.99', email, password), 'from an unknown place').toBe('LOGIN_LIMITED');
}

const resetLink = async (email: string) => /#token=([\w-]+)/.exec(await mailbox.linkTo(email))?.[1] ?? '';

describe('a stranger cannot lock out an owner', () => {
  test('who has registered and never signed in', async () => {
    const ada = await registered();
    await attack(ada);
    expect(await login(home, ada.email, ada.password)).toBe('OK');
  });

  test('who travels with a device of an earlier sign-in', async () => {
    const ada = await registered();
    const token = await deviceTokenOf(ada);
    await attack(ada);
    expect(await login(abroad, ada.email, ada.password, token)).toBe('OK');
    // The network abroad is known from then on.
    expect(await login(abroad, ada.email, ada.password)).toBe('OK');
  });

  test('whose network the stranger shares and has used up', async () => {
    const ada = await registered();
    const token = await deviceTokenOf(ada);
    for (let index = 0; index < 35; index++) await login(home, `n${index}@example.com`, 'wrong');
    expect(await login(home, ada.email, ada.password)).toBe('LOGIN_LIMITED');
    expect(await login(home, ada.email, ada.password, token)).toBe('OK');
  });

  test.each([
    ['imported with a hash', true],
    ['imported without a hash', false],
  ])('%s, because a reset by mail makes network and device known', async (_, hasHash) => {
    const email = `${randomUUID()}@example.com`;
    const { json } = await system.rest('POST', '/auth/login', { body: admin });
    await system.rest('POST', '/admin/users:import', {
      token: system.secret(json.access_token),
      body: {
        users: [
          { email, name: 'Ada', password_hash: hasHash ? await bcrypt.hash('an old password', { cost: 4 }) : '' },
        ],
      },
    });
    await attack({ email, password: 'an old password' });
    // First, the stranger requests as many mails as the limit allows.
    const passwords = createClient(PasswordService, channel);
    for (let index = 0; index < 8; index++) await passwords.requestPasswordReset({ email }, at('192.0.2.66'));
    await passwords.requestPasswordReset({ email }, at(abroad));
    const newPassword = system.secret(randomUUID());
    const token = await resetLink(email);
    const { deviceToken } = await passwords.resetPassword({ token, newPassword }, at(abroad));
    for (let round = 0; round < 3; round++) {
      await attack({ email, password: newPassword });
      expect(await login(abroad, email, newPassword), 'from that network').toBe('OK');
      expect(await login('198.51.100.7', email, newPassword, system.secret(deviceToken)), 'on that device').toBe('OK');
      await db.query(`DELETE FROM auth.sessions WHERE network = '198.51.100.7'`);
    }
  });

  test('with concurrent wrong attempts from other networks', async () => {
    const ada = await registered();
    const token = await deviceTokenOf(ada);
    const tries = Array.from({ length: 50 }, (_, index) => login(`198.51.100.${index}`, ada.email, `wrong ${index}`));
    const [own, mobile, ...others] = await Promise.all([
      login(home, ada.email, ada.password),
      login(abroad, ada.email, ada.password, token),
      ...tries,
    ]);
    expect([own, mobile]).toEqual(['OK', 'OK']);
    expect(others.filter((one) => one === 'OK')).toEqual([]);
  });
});

describe('a password reset', () => {
  test('makes the network and the device of a thief unknown', async () => {
    const ada = await registered();
    const thiefsDevice = await deviceTokenOf(ada, abroad);
    const passwords = createClient(PasswordService, channel);
    await passwords.requestPasswordReset({ email: ada.email }, at(home));
    const newPassword = system.secret(randomUUID());
    const token = await resetLink(ada.email);
    // Device tokens differ by the second of issue.
    await db.query(`SELECT pg_sleep(1.1)`);
    const { deviceToken: ownDevice } = await passwords.resetPassword({ token, newPassword }, at(home));
    await attack({ email: ada.email, password: newPassword });
    expect(await login(abroad, ada.email, newPassword), 'the network').toBe('LOGIN_LIMITED');
    expect(await login(abroad, ada.email, newPassword, thiefsDevice), 'the device').toBe('LOGIN_LIMITED');
    expect(await login('198.51.100.8', ada.email, newPassword, system.secret(ownDevice)), 'of the owner').toBe('OK');
    expect(await login(home, ada.email, newPassword), 'where the password was reset').toBe('OK');
  });

  test("restores the attempts of the owner's device", async () => {
    const ada = await registered();
    const device = await deviceTokenOf(ada);
    for (let index = 0; index < limit + 1; index++) await login(home, ada.email, 'wrong', device);
    const passwords = createClient(PasswordService, channel);
    await passwords.requestPasswordReset({ email: ada.email }, at(home));
    const newPassword = system.secret(randomUUID());
    const token = await resetLink(ada.email);
    const renewed = await passwords.resetPassword(
      { token, newPassword },
      at(home, { cookie: `signet_device=${device}` }),
    );
    await attack({ email: ada.email, password: newPassword });
    expect(await login(abroad, ada.email, newPassword, system.secret(renewed.deviceToken))).toBe('OK');
  });
});

describe('the attempts of a known network or device', () => {
  /** Sends fifty concurrent wrong passwords over the limit of the account. Returns how many were checked. */
  async function guess(ada: Awaited<ReturnType<typeof registered>>, address: string, token?: string) {
    await attack(ada);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => login(address, ada.email, `wrong ${index}`, token)),
    );
    expect(new Set(answers)).toEqual(new Set(['LOGIN_LIMITED']));
    const failures = await db.query(
      `SELECT FROM auth.audit_events WHERE subject_id = $1 AND kind = 'login' AND outcome = 'failure' AND ip = $2`,
      [ada.id, address],
    );
    expect(await login(address, ada.email, ada.password, token), 'the correct password over the limit').toBe(
      'LOGIN_LIMITED',
    );
    return failures.rowCount;
  }

  test('are as many for a network as for an account, also for fifty concurrent attempts', async () => {
    expect(await guess(await registered(), home)).toBe(limit);
  });

  test('are as many for a device, and do not use up those of a known network', async () => {
    const ada = await registered();
    // Over its limit, a device counts as part of its network, where as many attempts are checked and none is admitted.
    expect(await guess(ada, abroad, await deviceTokenOf(ada))).toBe(2 * limit);
    expect(await login(home, ada.email, ada.password)).toBe('OK');
  });

  test('are restored by a correct password, and strangers gain none', async () => {
    const ada = await registered();
    await attack(ada);
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < limit - 1; index++) await login(home, ada.email, 'wrong');
      expect(await login(home, ada.email, ada.password)).toBe('OK');
    }
    await attack(ada);
  });

  test('expire after 30 days without a sign-in there', async () => {
    const ada = await registered();
    await db.query(`UPDATE auth.users SET password_at = now() - interval '29 days 23 hours' WHERE id = $1`, [ada.id]);
    await attack(ada);
    expect(await login(home, ada.email, ada.password)).toBe('OK');
    await db.query(`UPDATE auth.users SET password_at = now() - interval '30 days' WHERE id = $1`, [ada.id]);
    await db.query(`DELETE FROM auth.sessions WHERE user_id = $1`, [ada.id]);
    expect(await login(home, ada.email, ada.password)).toBe('LOGIN_LIMITED');
  });
});

describe('a device token', () => {
  test('is invalid for another account, when altered, and as another kind of token', async () => {
    const [ada, eve] = [await registered(), await registered()];
    const token = await deviceTokenOf(ada);
    await attack(ada);
    const [version, id, expiry, mac = ''] = token.split('.');
    const forged = {
      "another account's": await deviceTokenOf(eve),
      'with a later expiry': [version, id, Number(expiry) + 1, mac].join('.'),
      'of another device': [version, 'A'.repeat(22), expiry, mac].join('.'),
      'with another MAC': [version, id, expiry, (mac.startsWith('A') ? 'B' : 'A') + mac.slice(1)].join('.'),
      'with the last bits of its MAC set': token.slice(0, -1) + nextSpelling(token.slice(-1)),
      'with a space': `${token} `,
      'of another version': token.replace('sd1', 'sd2'),
      malformed: 'x',
    };
    for (const [what, one] of Object.entries(forged))
      expect(await login(abroad, ada.email, ada.password, one), what).toBe('LOGIN_LIMITED');
    expect(await login(abroad, ada.email, ada.password, token), 'unchanged').toBe('OK');
  });

  test('does not sign in by itself, and a sign-in returns the same device', async () => {
    const ada = await registered();
    const token = await deviceTokenOf(ada);
    expect(await login(abroad, ada.email, 'wrong', token)).toBe('INVALID_CREDENTIALS');
    const { deviceToken = '' } = await auth().login(
      { email: ada.email, password: ada.password, deviceToken: token },
      at(abroad),
    );
    expect(system.secret(deviceToken).split('.')[1]).toBe(token.split('.')[1]);
  });

  test('is read from the cookie and set by a sign-in by cookie and by a reset', async () => {
    const ada = await registered();
    await db.query(`UPDATE auth.users SET password_from = '' WHERE id = $1`, [ada.id]);
    const signIn = (headers: Record<string, string> = {}) =>
      system.rest('POST', '/auth/login', {
        body: { email: ada.email, password: ada.password, transport: 'cookie' },
        headers,
      });
    const first = await signIn();
    expect([first.status, first.json.device_token]).toEqual([200, undefined]);
    const device = first.headers.getSetCookie().find((one) => one.startsWith('signet_device=')) ?? '';
    expect(device).toMatch(/^signet_device=sd1\.[\w.-]+; Max-Age=15552000; Path=\/; HttpOnly; SameSite=Lax$/);
    await db.query(`DELETE FROM auth.sessions WHERE user_id = $1`, [ada.id]);
    await attack(ada);
    expect((await signIn()).json.code).toBe('LOGIN_LIMITED');
    const cookie = device.split(';')[0] ?? '';
    system.secret(cookie.split('=')[1] ?? '');
    expect((await signIn({ cookie: `other=1; ${cookie}` })).status).toBe(200);

    await system.rest('POST', '/auth/password/reset-request', { body: { email: ada.email } });
    const body = { token: await resetLink(ada.email), new_password: system.secret(randomUUID()) };
    const reset = await system.rest('POST', '/auth/password/reset', { body, headers: { cookie } });
    expect(reset.status).toBe(200);
    const set = reset.headers.getSetCookie().find((one) => one.startsWith('signet_device=')) ?? '';
    expect(set).toContain(`signet_device=${system.secret(reset.json.device_token)};`);
    expect(reset.json.device_token.split('.')[1], 'the device of the cookie').toBe(cookie.split('.')[1]);
  });
});

describe('a response to a stranger does not show', () => {
  const ask = async (address: string, email: string, password: string) => {
    const answers: string[] = [];
    for (let index = 0; index < 2 * limit + 2; index++) answers.push(await login(address, email, password));
    return answers;
  };

  test("whether the account exists or is signed in from the stranger's network", async () => {
    const [ada, grace] = [await registered(), await registered()];
    const seen: Record<string, string[]> = {};
    // Earlier attempts from other networks used up none, a part, or all of the limit.
    for (const before of [0, 2, limit + 1]) {
      for (const [what, address, email] of [
        ['a known network', home, ada.email],
        ['an unknown network', '198.51.100.3', grace.email],
        ['no account', '198.51.100.4', `${randomUUID()}@example.com`],
      ] as const) {
        await db.query('DELETE FROM auth.attempts');
        for (let index = 0; index < before; index++) await login('192.0.2.77', email, 'wrong');
        seen[`${what} ${before}`] = await ask(address, email, 'wrong');
      }
      const expected = [
        ...Array(Math.max(0, limit - before)).fill('INVALID_CREDENTIALS'),
        ...Array(limit + 2 + Math.min(limit, before)).fill('LOGIN_LIMITED'),
      ];
      for (const what of ['a known network', 'an unknown network', 'no account'])
        expect(seen[`${what} ${before}`], `${what}, after ${before}`).toEqual(expected);
    }
  });

  test('by its cost whether the account exists: over the limit, every case costs one hash', async () => {
    const ada = await registered();
    const stranger = `${randomUUID()}@example.com`;
    const costOf = async (address: string, email: string) => {
      await db.query('DELETE FROM auth.attempts');
      for (let index = 0; index < limit; index++) await login('192.0.2.77', email, 'wrong');
      const tried = async () => (await db.query(`SELECT FROM auth.audit_events WHERE kind = 'login'`)).rowCount ?? 0;
      const before = await tried();
      await ask(address, email, 'wrong');
      return (await tried()) - before;
    };
    // One event is recorded per checked password, and one when the limit is reached.
    const costs = [
      await costOf(home, ada.email),
      await costOf('198.51.100.3', ada.email),
      await costOf(home, stranger),
    ];
    expect(costs).toEqual([limit + 1, limit + 1, limit + 1]);
  });
});

describe('mails that a stranger requests', () => {
  const sent = async (id: string, kind: string) =>
    (await db.query(`SELECT FROM auth.audit_events WHERE kind = $1 AND subject_id = $2`, [kind, id])).rowCount;

  test('do not use up the limit of the owner at home or on a known device', async () => {
    const ada = await registered();
    const token = await deviceTokenOf(ada);
    const passwords = createClient(PasswordService, channel);
    for (let index = 0; index < 12; index++)
      await passwords.requestPasswordReset({ email: ada.email }, at(`192.0.2.${index % 4}`));
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(5);
    await passwords.requestPasswordReset({ email: ada.email }, at(home));
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(6);
    await passwords.requestPasswordReset({ email: ada.email }, at(abroad, { cookie: `signet_device=${token}` }));
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(7);
    const { accessToken = '' } = await auth().login({ email: ada.email, password: ada.password }, at(home));
    const asAda = at(home, { authorization: `Bearer ${system.secret(accessToken)}` });
    await createClient(EmailService, channel).sendVerification({}, asAda);
    await expect.poll(() => sent(ada.id, 'email_verification_sent')).toBe(1);
  });

  test('from one network do not use up the limit of other networks and keep earlier links valid', async () => {
    const ada = await registered();
    const passwords = createClient(PasswordService, channel);
    await passwords.requestPasswordReset({ email: ada.email }, at(abroad));
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(1);
    const token = await resetLink(ada.email);
    for (let index = 0; index < 12; index++)
      await passwords.requestPasswordReset({ email: ada.email }, at('192.0.2.66'));
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(5);
    const newPassword = system.secret(randomUUID());
    expect(await outcomeOf(passwords.resetPassword({ token, newPassword }, at(abroad)))).toBe('OK');
    const left = await db.query('SELECT FROM auth.links WHERE user_id = $1', [ada.id]);
    expect(left.rowCount, 'a reset deletes the other links').toBe(0);
  });

  test('are limited to four for fifty concurrent requests from one place', async () => {
    const ada = await registered();
    const passwords = createClient(PasswordService, channel);
    const token = await deviceTokenOf(ada);
    await Promise.all(
      Array.from({ length: 50 }, () =>
        passwords.requestPasswordReset({ email: ada.email }, at(abroad, { cookie: `signet_device=${token}` })),
      ),
    );
    await expect.poll(() => sent(ada.id, 'password_reset_requested')).toBe(4);
  });
});

/** The next base64url character, which has the same first four bits: another spelling of the same 32 bytes. */
function nextSpelling(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) + 1] ?? '';
}

test('the attempts table contains no plain address and no plain device id', async () => {
  const ada = await registered();
  const token = await deviceTokenOf(ada);
  await login(abroad, ada.email, 'wrong', token);
  const { rows } = await db.query<{ key: string }>('SELECT key FROM auth.attempts');
  const hashed = createHash('sha256').update('x').digest('base64url').length;
  for (const { key } of rows) expect(key).toMatch(new RegExp(`^[a-z ]+ [\\w-]{${hashed}}$`));
});
