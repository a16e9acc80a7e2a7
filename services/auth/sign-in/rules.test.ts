import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { system } from '../audit/rules/events.ts';
import type { Authentication } from '../sessions/rules/authentication.ts';
import type { SignedIn } from '../sessions/rules/session.ts';
import { createSignIn, type SignInCheck } from './rules.ts';
import { failure } from '../reasons.ts';

const account = { id: 'ada', email: 'ada@example.com', name: 'Ada', roles: ['user'], createdAt: new Date(0) };
const byPassword: Authentication = {
  account,
  amr: ['pwd'],
  authTime: new Date(0),
  credentialsVersion: 3,
  isKnownPlace: false,
};
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

test('opens a session from the authentication, for the requesting client', async () => {
  const { signIn, opened } = make(check('password', async () => byPassword));
  const { deviceToken } = await signIn.login(attempt);
  expect(deviceToken).toBe('ada on a new one');
  const opening = { client: 'signet', device: { label: 'a device' } };
  expect(opened).toEqual([{ authentication: byPassword, opening }]);
});

test('keeps the device id of a known device', async () => {
  const { signIn } = make(check('password', async () => byPassword));
  const { deviceToken } = await signIn.login({ ...attempt, source: { ...system, deviceToken: 'the laptop' } });
  expect(deviceToken).toBe('ada on the laptop');
});

test('runs checks in order, each with the authentication of the previous ones', async () => {
  const seen: unknown[] = [];
  const { signIn, opened } = make(
    check('password', async (_, proved) => (seen.push(proved), byPassword)),
    check('second factor', async (_, proved) => (seen.push(proved), { ...byPassword, amr: ['pwd', 'otp', 'mfa'] })),
  );
  await signIn.login(attempt);
  expect(seen).toEqual([undefined, byPassword]);
  expect(opened).toMatchObject([{ authentication: { amr: ['pwd', 'otp', 'mfa'] } }]);
});

test('a failing check ends the sign-in without a session', async () => {
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

test('opens no session if a later check authenticates another account', async () => {
  const { signIn, opened } = make(
    check('password', async () => byPassword),
    check('second factor', async () => ({ ...byPassword, account: { ...account, id: 'grace' } })),
  );
  expect(await signIn.login(attempt).then(() => 'OK', reasonOf)).toBe('INTERNAL');
  expect(opened).toEqual([]);
});

test('refuses to build a sign-in without checks or with two checks of the same name', () => {
  expect(() => make()).toThrow('without checks');
  const password = check('password', async () => byPassword);
  expect(() => make(password, password)).toThrow('same name');
});
