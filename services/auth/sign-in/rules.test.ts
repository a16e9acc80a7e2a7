import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { system } from '../audit/rules/events.ts';
import type { Authentication } from '../sessions/rules/authentication.ts';
import type { SignedIn } from '../sessions/rules/session.ts';
import { createSignIn, type SignInCheck } from './rules.ts';
import { failure } from '../reasons.ts';

const account = { id: 'ada', email: 'ada@example.com', name: 'Ada', roles: ['user'], createdAt: new Date(0) };
const byPassword: Authentication = { account, amr: ['pwd'], authTime: new Date(0), credentialsVersion: 3 };
const attempt = { email: account.email, password: 'a password', client: 'signet', source: system, label: 'a device' };

function make(...checks: SignInCheck[]) {
  const opened: unknown[] = [];
  const signIn = createSignIn({
    checks,
    sessions: {
      open: async (authentication, opening) => {
        opened.push({ authentication, opening });
        return {} as SignedIn;
      },
    },
    devices: { issue: (userId, deviceId) => `${userId} on ${deviceId ?? 'a new one'}`, verify: (_, token) => token },
  });
  return { signIn, opened };
}
const check = (name: string, run: SignInCheck['check']): SignInCheck => ({ name, check: run });

test('opens a session from what the checks proved, for the client that asks', async () => {
  const { signIn, opened } = make(check('password', async () => byPassword));
  const { deviceToken } = await signIn.login(attempt);
  expect(deviceToken).toBe('ada on a new one');
  const opening = { client: 'signet', device: { label: 'a device' } };
  expect(opened).toEqual([{ authentication: byPassword, opening }]);
});

test('a known device stays the device that it is', async () => {
  const { signIn } = make(check('password', async () => byPassword));
  const { deviceToken } = await signIn.login({ ...attempt, source: { ...system, deviceToken: 'the laptop' } });
  expect(deviceToken).toBe('ada on the laptop');
});

test('checks run in their order, each on what those before proved', async () => {
  const seen: unknown[] = [];
  const { signIn, opened } = make(
    check('password', async (_, proved) => (seen.push(proved), byPassword)),
    check('second factor', async (_, proved) => (seen.push(proved), { ...byPassword, amr: ['pwd', 'otp', 'mfa'] })),
  );
  await signIn.login(attempt);
  expect(seen).toEqual([undefined, byPassword]);
  expect(opened).toMatchObject([{ authentication: { amr: ['pwd', 'otp', 'mfa'] } }]);
});

test('a check that refuses ends the sign-in: no later check runs, and no session opens', async () => {
  const ran: string[] = [];
  const { signIn, opened } = make(
    check('password', async () => {
      throw failure('INVALID_CREDENTIALS');
    }),
    check('second factor', async () => (ran.push('second factor'), byPassword)),
  );
  expect(await signIn.login(attempt).then(() => 'OK', reasonOf)).toBe('INVALID_CREDENTIALS');
  expect([ran, opened]).toEqual([[], []]);
});

test('a later check that proves another account opens no session', async () => {
  const { signIn, opened } = make(
    check('password', async () => byPassword),
    check('second factor', async () => ({ ...byPassword, account: { ...account, id: 'grace' } })),
  );
  expect(await signIn.login(attempt).then(() => 'OK', reasonOf)).toBe('INTERNAL');
  expect(opened).toEqual([]);
});

test('a sign-in without checks, or with two of one name, is refused when it is built', () => {
  expect(() => make()).toThrow('without checks');
  const password = check('password', async () => byPassword);
  expect(() => make(password, password)).toThrow('one name');
});
