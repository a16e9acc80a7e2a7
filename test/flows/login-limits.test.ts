import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { admin, ask, openSystem, type System } from '../system.ts';

let system: System;
let channel: GrpcTransport;
beforeAll(async () => {
  system = await openSystem({ hashing: 'real', env: { SIGNET_HASH_QUEUE: '1000', SIGNET_LOGIN_LIMIT_ADDRESS: '60' } });
  channel = createGrpcTransport(`127.0.0.1:${system.authGrpcPort}`, [AuthService]);
});
afterAll(async () => {
  channel.close();
  await system.close();
});

const login = { REST: '/api/v1/auth/login', Connect: '/signet.auth.v1.AuthService/Login' };

/** Every way to try a password. Each returns the reason of the refusal. */
const ways: ((email: string, password: string) => Promise<string>)[] = [
  async (email, password) =>
    (await ask(`${system.edge}${login.REST}`, 'POST', { body: { email, password } })).json.code ?? 'OK',
  async (email, password) =>
    (await ask(`${system.auth}${login.REST}`, 'POST', { body: { email, password } })).json.code ?? 'OK',
  async (email, password) => {
    const { status, json } = await ask(`${system.edge}${login.Connect}`, 'POST', { body: { email, password } });
    return status === 200 ? 'OK' : json.details[0].debug.reason;
  },
  (email, password) =>
    createClient(AuthService, channel)
      .login({ email, password }, { timeoutMs: 60_000 })
      .then(
        () => 'OK',
        (error: unknown) => reasonOf(error) ?? String(error),
      ),
];

function countOf(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

test('of 200 concurrent wrong passwords over every protocol and port, ten are checked; other users can sign in', async () => {
  const [target, other] = [await system.person(), await system.person()];
  const tries = Array.from({ length: 200 }, (_, index) => ways[index % ways.length]!(target.email, `wrong ${index}`));
  expect(countOf(await Promise.all(tries))).toEqual({ INVALID_CREDENTIALS: 10, LOGIN_LIMITED: 190 });

  const refused = await system.rest('POST', '/auth/login', {
    body: { email: target.email, password: target.password },
  });
  expect([refused.status, refused.json.code]).toEqual([429, 'LOGIN_LIMITED']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
  const changed = await system.rest('POST', '/auth/password', {
    token: target.access,
    body: { current_password: target.password, new_password: 'another good password' },
  });
  expect(changed.json.code, 'a password change counts too').toBe('LOGIN_LIMITED');
  expect(await ways[0]!(other.email, other.password)).toBe('OK');
});

test('an unknown email has the same limit', async () => {
  const tries = Array.from({ length: 30 }, (_, index) => ways[index % ways.length]!('nobody@example.com', 'wrong'));
  expect(countOf(await Promise.all(tries))).toEqual({ INVALID_CREDENTIALS: 10, LOGIN_LIMITED: 20 });
});

test('fifty concurrent correct passwords succeed, also after nine wrong ones', async () => {
  const { email, password } = await system.person();
  for (let index = 0; index < 9; index++) expect(await ways[0]!(email, 'wrong')).toBe('INVALID_CREDENTIALS');
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ways[index % 2]!(email, password)));
  expect(countOf(answers)).toEqual({ OK: 50 });
  const { json } = await system.rest('GET', '/auth/sessions?page_size=100', {
    token: (await system.rest('POST', '/auth/login', { body: { email, password } })).json.access_token,
  });
  expect(json.sessions, 'the session limit').toHaveLength(20);
});

test('an address over its limit cannot sign in to any account', async () => {
  for (let index = 0; index < 40; index++) await ways[0]!(`guess${index}@example.com`, 'wrong');
  expect(await ways[0]!('somebody@example.com', 'wrong')).toBe('LOGIN_LIMITED');
  const { email, password } = admin;
  expect(await ways[0]!(email, password), 'also with the correct password').toBe('LOGIN_LIMITED');
});
