import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { type Answer, ask, openSystem, type System } from '../system.ts';

// A response must not show whether an account exists. services/auth/passwords/rules/authenticator.test.ts tests the
// cost of the responses.

let system: System;
const emails: Record<string, string> = { 'an unknown email': 'nobody@example.com' };
beforeAll(async () => {
  system = await openSystem({ hashing: 'real', env: { SIGNET_LOGIN_LIMIT_ADDRESS: '10000' } });
  const [known, disabled, broken, gone] = [
    await system.person(),
    await system.person(),
    await system.person(),
    await system.person(),
  ];
  const db = new Client(connection(system.database.url));
  await db.connect();
  await db.query('UPDATE auth.users SET disabled_at = now() WHERE id = $1', [disabled.id]);
  await db.query(`UPDATE auth.users SET password_hash = 'unreadable' WHERE id = $1`, [broken.id]);
  await db.end();
  const { status, text } = await system.rest('DELETE', '/users/account', { token: gone.access });
  if (status !== 204) throw new Error(`an account could not be deleted: ${text}`);
  emails['an account'] = known.email;
  emails['a disabled account'] = disabled.email;
  emails['an account with an unreadable hash'] = broken.email;
  emails['a deleted account'] = gone.email;
});
afterAll(() => system.close());

/** The parts of a response that do not vary by request or by second. */
function comparable({ status, headers, text }: Answer): object {
  const kept = [...headers].filter(
    ([name]) => !['date', 'x-request-id', 'ratelimit', 'content-length', 'retry-after'].includes(name),
  );
  return {
    status,
    headers: kept,
    text: text.replaceAll(/"request_id":"[^"]*"/g, '').replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, ''),
  };
}

const requests: Record<string, (email: string) => Promise<Answer>> = {
  'a sign-in over REST': (email) => system.rest('POST', '/auth/login', { body: { email, password: 'wrong' } }),
  'a sign-in by cookie': (email) =>
    system.rest('POST', '/auth/login', { body: { email, password: 'wrong', transport: 'cookie' } }),
  'a sign-in over Connect': (email) =>
    ask(`${system.edge}/signet.auth.v1.AuthService/Login`, 'POST', { body: { email, password: 'wrong' } }),
  'a sign-in at the public port of auth': (email) =>
    ask(`${system.auth}/api/v1/auth/login`, 'POST', { body: { email, password: 'wrong' } }),
  'a password reset request': (email) => system.rest('POST', '/auth/password/reset-request', { body: { email } }),
  'a password reset request over Connect': (email) =>
    ask(`${system.edge}/signet.auth.v1.PasswordService/RequestPasswordReset`, 'POST', { body: { email } }),
};

describe.each(Object.entries(requests))('%s', (_, send) => {
  test('gets the same head and body for every kind of account', async () => {
    const expected = comparable(await send(emails['an unknown email'] ?? ''));
    for (const [what, email] of Object.entries(emails)) expect(comparable(await send(email)), what).toEqual(expected);
  });
});

test('a sign-in over the limit gets the same response for every kind of account', async () => {
  const last: object[] = [];
  for (const email of Object.values(emails)) {
    let answer = await requests['a sign-in over REST']!(email);
    for (let index = 0; index < 12 && answer.status !== 429; index++)
      answer = await requests['a sign-in over REST']!(email);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(800);
    last.push(comparable({ ...answer, text: answer.text.replaceAll(/\d+ s/g, '') }));
  }
  for (const one of last) expect(one).toEqual(last[0]);
});
