import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from 'pg';
import { type Mailbox, openMailbox } from '../mailbox.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

let mailbox: Mailbox;
let system: System;
let db: Client;
beforeAll(async () => {
  mailbox = await openMailbox();
  system = await openSystem({
    services: ['user', 'notification'],
    env: {
      SMTP_URL: mailbox.url,
      SIGNET_LOGIN_LIMIT: '4',
      SIGNET_LOGIN_LIMIT_ADDRESS: '1000',
    },
  });
  db = new Client({ connectionString: system.database.url.reveal() });
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
  mailbox.close();
});

/** The verification mail that a user requests, and its token. */
async function mailOf({ email, access }: Person) {
  expect((await system.rest('POST', '/auth/email/verification', { token: access, body: {} })).status).toBe(200);
  const text = await mailbox.linkTo(email);
  return { text, token: system.secret(/verify-email#token=([\w-]+)/.exec(text)?.[1] ?? '') };
}
const verify = (token: string, password?: string) =>
  system.rest('POST', '/auth/email/verify', { body: { token, ...(password === undefined ? {} : { password }) } });
const confirm = (token: string, access?: string) =>
  system.rest('POST', '/auth/email/confirm', { token: access, body: { token } });
const isVerified = async ({ id }: Pick<Person, 'id'>) =>
  (await db.query(`SELECT FROM auth.users WHERE id = $1 AND verified_at IS NOT NULL`, [id])).rowCount === 1;
/** The email_verified claim of the next access token. */
async function claimOf({ refresh }: Person) {
  const { json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: refresh } });
  system.secret(json.refresh_token);
  const verified = await system.rest('GET', '/auth/verify', { token: system.secret(json.access_token) });
  return verified.json.claims.email_verified;
}

describe('an email address is verified', () => {
  test('in the session of its account, and the next token has the claim', async () => {
    const ada = await system.person();
    const { token } = await mailOf(ada);
    const before = await system.rest('GET', '/auth/verify', { token: ada.access });
    expect(before.json.claims.email_verified).toBe(false);
    expect(before.json.user.email_verified_at).toBeUndefined();
    const { status, json } = await confirm(token, ada.access);
    expect([status, json]).toEqual([200, {}]);
    expect(await claimOf(ada)).toBe(true);
    const after = await system.rest('GET', '/auth/verify', { token: ada.access });
    expect(after.json.user.email_verified_at).toEqual(expect.any(String));
    expect((await confirm(token, ada.access)).json.code, 'once').toBe('INVALID_LINK');
  });

  test('with the password, without a session', async () => {
    const ada = await system.person();
    const { token } = await mailOf(ada);
    expect((await verify(token, ada.password)).status).toBe(200);
    expect(await claimOf(ada)).toBe(true);
    expect((await verify(token, ada.password)).json.code).toBe('INVALID_LINK');
  });

  test('once by fifty concurrent requests', async () => {
    const ada = await system.person();
    const { token } = await mailOf(ada);
    const answers = await Promise.all(Array.from({ length: 50 }, () => confirm(token, ada.access)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('by a reset link when the account has no password', async () => {
    const { json } = await system.rest('POST', '/auth/login', { body: admin });
    const email = `${crypto.randomUUID()}@example.com`;
    const made = await system.rest('POST', '/admin/users:import', {
      token: system.secret(json.access_token),
      body: { users: [{ email, name: 'Ada' }] },
    });
    const id = made.json.results[0].user_id;
    await system.rest('POST', '/auth/password/reset-request', { body: { email } });
    const token = system.secret(/#token=([\w-]+)/.exec(await mailbox.linkTo(email))?.[1] ?? '');
    expect((await verify(token, 'any')).json.code, 'not a verification link').toBe('INVALID_LINK');
    const new_password = system.secret(crypto.randomUUID());
    expect((await system.rest('POST', '/auth/password/reset', { body: { token, new_password } })).status).toBe(200);
    expect(await isVerified({ id })).toBe(true);
  });
});

describe("a victim's click does not verify an attacker's account", () => {
  test('without a session', async () => {
    const attacker = await system.person();
    const { token } = await mailOf(attacker);
    expect((await confirm(token)).json.code).toBe('TOKEN_REQUIRED');
    const answers = [await verify(token), await verify(token, ''), await verify(token, "the victim's own password")];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(answers.map(({ json }) => json.code)).toEqual(Array(3).fill('INVALID_CREDENTIALS'));
    expect(await isVerified(attacker)).toBe(false);
    expect((await verify(token, attacker.password)).status, 'the link is unused').toBe(200);
  });

  test("in the victim's session or with the victim's password", async () => {
    const [attacker, victim] = [await system.person(), await system.person()];
    const { token } = await mailOf(attacker);
    expect((await confirm(token, victim.access)).json.code).toBe('INVALID_LINK');
    expect((await verify(token, victim.password)).json.code).toBe('INVALID_CREDENTIALS');
    expect([await isVerified(attacker), await isVerified(victim)]).toEqual([false, false]);
    expect((await confirm(token, attacker.access)).status, 'the link is unused').toBe(200);
  });

  test('and the mail warns about it, without text chosen by the attacker', async () => {
    const attacker = await system.person();
    const { text } = await mailOf(attacker);
    expect(text).toMatch(/^Hello,\n/);
    expect(text).toContain('from the network address 127.0.0.1');
    expect(text).toContain('If it was not you, do not follow the link');
    expect(text).not.toContain('Ada');
  });
});

test('passwords tried with a link count against the sign-in limit, atomically', async () => {
  const ada = await system.person();
  const { token } = await mailOf(ada);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => verify(token, `wrong ${index}`)));
  const codes = answers.map(({ json }) => json.code);
  expect(codes.filter((code) => code === 'INVALID_CREDENTIALS')).toHaveLength(4);
  expect(codes.filter((code) => code === 'LOGIN_LIMITED')).toHaveLength(46);
  expect((await verify(token, ada.password)).json.code).toBe('LOGIN_LIMITED');
  expect((await confirm(token, ada.access)).status, 'a session is not limited').toBe(200);
});

test('an unknown link token is refused before any password is checked', async () => {
  for (const token of ['x', crypto.randomUUID(), 'a'.repeat(256)])
    expect((await verify(token, 'any')).json.code).toBe('INVALID_LINK');
  expect((await verify('a'.repeat(257), 'any')).json.code).toBe('INVALID_ARGUMENT');
  expect((await verify('x', 'p'.repeat(1_024))).json.code).toBe('INVALID_LINK');
  expect((await verify('x', 'p'.repeat(1_025))).json.code).toBe('INVALID_ARGUMENT');
});
