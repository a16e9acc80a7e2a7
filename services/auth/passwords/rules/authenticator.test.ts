import { beforeEach, expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { type NewAuditEvent, system } from '../../audit/rules/events.ts';
import { createDeviceTokens } from '../../limits/rules/device-token.ts';
import type { PasswordTry } from '../../limits/rules/limits.ts';
import { createMacs } from '../../secrets/rules/master-key.ts';
import { createPasswordAuthenticator, type LoginRecord, type PasswordAuthenticator } from './authenticator.ts';
import { createHasher, type Hasher } from './hasher.ts';

// Counts hashes instead of measuring time, which is reliable only on an idle machine.

const hasher = await createHasher({ memory: 8_192, passes: 2, queue: 10, threadPool: 4, cores: 2 });
const stronger = await createHasher({ memory: 8_192, passes: 3, queue: 10, threadPool: 4, cores: 2 });
const password = 'correct horse battery';
let calls: string[];
let events: NewAuditEvent[];
let rehashed: string[];
let record: LoginRecord;
let admission: Pick<PasswordTry, 'isAdmitted' | 'retryAfter'>;
const key = new Uint8Array(32);
beforeEach(async () => {
  [calls, events, rehashed] = [[], [], []];
  admission = { isAdmitted: true, retryAfter: undefined };
  const account = { id: 'ada', email: 'ada@example.com', name: 'Ada', roles: ['user'], createdAt: new Date() };
  record = {
    account,
    authTime: new Date(0),
    credentialsVersion: 7,
    passwordHash: await hasher.hash(password),
    isKnownNetwork: false,
    devicesFrom: null,
  };
});

function make(inner: Hasher): PasswordAuthenticator {
  const counting: Hasher = {
    ...inner,
    hash: (one) => (calls.push('hash'), inner.hash(one)),
    verify: (hash, one) => (calls.push('verify'), inner.verify(hash, one)),
  };
  const store = {
    // As the store, which does not find disabled accounts.
    findForLogin: async (email: string) => (email === record.account.email ? record : undefined),
    rehash: async (_id: string, _old: string, next: string) => rehashed.push(next) > 0,
  };
  return createPasswordAuthenticator({
    store,
    hasher: counting,
    limits: {
      tryPassword: async () => ({ ...admission, succeeded: async () => void calls.push('forgiven') }),
      tryMail: async () => true,
      forgive: async () => undefined,
    },
    devices: createDeviceTokens(createMacs({ refresh: key, csrf: key, device: key }), Date.now),
    maxWaiting: 10,
    audit: async (event) => void events.push(event),
  });
}
const outcomeOf = (work: Promise<unknown>) => work.then(() => 'OK', reasonOf);

test.each([
  ['a wrong password', 'ada@example.com', 'ada'],
  ['an unknown or disabled account', 'nobody@example.com', ''],
])('%s costs one hash and causes the same error and one event', async (_, email, subjectId) => {
  expect(await outcomeOf(make(hasher).authenticate(email, 'wrong', { ...system, ip: '192.0.2.1' }))).toBe(
    'INVALID_CREDENTIALS',
  );
  expect(calls).toEqual(['verify']);
  expect(events).toEqual([
    { kind: 'login', outcome: 'failure', actor: expect.objectContaining({ id: '', ip: '192.0.2.1' }), subjectId },
  ]);
});

test.each([
  ['a right password of an account', 'ada@example.com', password],
  ['a wrong one', 'ada@example.com', 'wrong'],
  ['an unknown account', 'nobody@example.com', password],
])('%s that is not admitted costs one hash and is LOGIN_LIMITED', async (_, email, typed) => {
  admission = { isAdmitted: false, retryAfter: 60 };
  expect(await outcomeOf(make(hasher).authenticate(email, typed, { ...system, ip: '192.0.2.1' }))).toBe(
    'LOGIN_LIMITED',
  );
  expect(calls).toEqual(['verify']);
  expect(events).toHaveLength(1);
});

test('past the limit, a known place has a wrong password limited at the same cost and a correct one admitted', async () => {
  admission = { isAdmitted: true, retryAfter: 60 };
  expect(await outcomeOf(make(hasher).authenticate('ada@example.com', 'wrong', { ...system, ip: '192.0.2.1' }))).toBe(
    'LOGIN_LIMITED',
  );
  expect(calls).toEqual(['verify']);
  expect(await outcomeOf(make(hasher).authenticate('ada@example.com', password, { ...system, ip: '192.0.2.1' }))).toBe(
    'OK',
  );
});

test('a correct password costs one hash and resets the attempts; replacing a weak hash costs one more', async () => {
  expect(await outcomeOf(make(hasher).authenticate('ADA@example.com ', password, system))).toBe('OK');
  expect(calls).toEqual(['verify', 'forgiven']);
  calls = [];
  expect(await outcomeOf(make(stronger).authenticate('ada@example.com', password, system))).toBe('OK');
  expect(calls).toEqual(['verify', 'forgiven', 'hash']);
  expect(rehashed).toEqual([expect.stringContaining('t=3')]);
});

test('a wrong password replaces no hash, however weak', async () => {
  expect(await outcomeOf(make(stronger).authenticate('ada@example.com', 'wrong', system))).toBe('INVALID_CREDENTIALS');
  expect(rehashed).toEqual([]);
});

test('a password that NFKC changes costs two hashes if the first does not match, for known and unknown accounts', async () => {
  for (const email of ['ada@example.com', 'nobody@example.com']) {
    calls = [];
    expect(await outcomeOf(make(hasher).authenticate(email, 'de\u0301ja\u0300 vu', system))).toBe(
      'INVALID_CREDENTIALS',
    );
    expect(calls).toEqual(['verify', 'verify']);
  }
  expect(rehashed).toEqual([]);
});

test('replaces an imported hash of the password as typed, even if it is strong enough', async () => {
  const typed = 'de\u0301ja\u0300 vu';
  record = { ...record, passwordHash: await hasher.hash(typed) };
  expect(await outcomeOf(make(hasher).authenticate('ada@example.com', typed, system))).toBe('OK');
  expect(calls).toEqual(['verify', 'verify', 'forgiven', 'hash']);
  expect(await hasher.verify(rehashed[0], typed.normalize('NFKC'))).toBe(true);
});
