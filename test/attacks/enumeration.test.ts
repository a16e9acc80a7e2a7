import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { type Answer, ask, openSystem, type System } from '../system.ts';

// Whether somebody has an account is not told by what a stranger is answered. What an answer costs is counted beside
// the check of passwords (services/auth/passwords/rules/authenticator.test.ts).

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
  emails['one that is disabled'] = disabled.email;
  emails['one whose hash nobody can read'] = broken.email;
  emails['one that is deleted'] = gone.email;
});
afterAll(() => system.close());

/** All of an answer but what differs from request to request, and from second to second. */
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

const asked: Record<string, (email: string) => Promise<Answer>> = {
  'a sign-in over REST': (email) => system.rest('POST', '/auth/login', { body: { email, password: 'wrong' } }),
  'a sign-in by cookie': (email) =>
    system.rest('POST', '/auth/login', { body: { email, password: 'wrong', transport: 'cookie' } }),
  'a sign-in over Connect': (email) =>
    ask(`${system.edge}/signet.auth.v1.AuthService/Login`, 'POST', { body: { email, password: 'wrong' } }),
  "a sign-in at auth's own door": (email) =>
    ask(`${system.auth}/api/v1/auth/login`, 'POST', { body: { email, password: 'wrong' } }),
  'a link to reset the password': (email) => system.rest('POST', '/auth/password/reset-request', { body: { email } }),
  'a link, over Connect': (email) =>
    ask(`${system.edge}/signet.auth.v1.PasswordService/RequestPasswordReset`, 'POST', { body: { email } }),
};

describe.each(Object.entries(asked))('%s', (_, send) => {
  test('is answered alike, head and body, whatever account there is', async () => {
    const expected = comparable(await send(emails['an unknown email'] ?? ''));
    for (const [what, email] of Object.entries(emails)) expect(comparable(await send(email)), what).toEqual(expected);
  });
});

test('also once the tries are used up', async () => {
  const last: object[] = [];
  for (const email of Object.values(emails)) {
    let answer = await asked['a sign-in over REST']!(email);
    for (let index = 0; index < 12 && answer.status !== 429; index++)
      answer = await asked['a sign-in over REST']!(email);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(800);
    last.push(comparable({ ...answer, text: answer.text.replaceAll(/\d+ s/g, '') }));
  }
  for (const one of last) expect(one).toEqual(last[0]);
});
