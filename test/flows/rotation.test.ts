import { createClient } from '@connectrpc/connect';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { admin, openSystem, type Person, type System } from '../system.ts';

let system: System;
let direct: GrpcTransport;
let adminToken: string;
beforeAll(async () => {
  // The configurable minimum.
  system = await openSystem({ env: { SIGNET_KEY_PENDING: '10s' } });
  direct = createGrpcTransport(`127.0.0.1:${system.userPort}`, [UserService]);
  adminToken = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});
afterAll(async () => {
  direct.close();
  await system.close();
});

/** Each takes SIGNET_KEY_PENDING. */
const rotations = 2;

async function atEdge(token: string): Promise<string> {
  const { status, json } = await system.rest('GET', '/users/profile', { token });
  return status === 200 ? 'OK' : json.code;
}

async function atUserService(token: string): Promise<string> {
  try {
    await createClient(UserService, direct).getProfile({}, { headers: { authorization: `Bearer ${token}` } });
    return 'OK';
  } catch (error) {
    return reasonOf(error) ?? String(error);
  }
}

const headOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());

/** A well-formed token with an unknown kid. */
function withRandomKid(token: string): string {
  const head = { ...headOf(token), kid: randomBytes(16).toString('hex') };
  return [Buffer.from(JSON.stringify(head)).toString('base64url'), ...token.split('.').slice(1)].join('.');
}

/** Calls both services with a valid token and refreshes it, until aborted. Collects the outcomes by kid. */
async function callOn({ access, refresh }: Person, stop: AbortSignal, answers: Map<string, Set<string>>) {
  let tokens = { access_token: access, refresh_token: refresh };
  for (let round = 0; !stop.aborted; round++) {
    const token = tokens.access_token;
    const { kid } = headOf(token);
    const given = answers.get(kid) ?? new Set();
    answers.set(kid, given);
    for (const answer of await Promise.all([atEdge(token), atUserService(token)])) given.add(answer);
    const renewed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: tokens.refresh_token } });
    expect(renewed.status, renewed.text).toBe(200);
    tokens = renewed.json;
    Object.values([tokens.access_token, tokens.refresh_token]).forEach(system.secret);
    await delay(60);
  }
}

/** Uses up the lookups of unknown kids that verifiers allow: one per cooldown. */
async function flood(token: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const forged = withRandomKid(token);
    expect(await Promise.all([atEdge(forged), atUserService(forged)])).toEqual(['INVALID_TOKEN', 'INVALID_TOKEN']);
    await delay(100);
  }
}

async function stateOf(kid: string): Promise<string> {
  const { json } = await system.rest('GET', '/admin/keys', { token: adminToken });
  return json.keys.find((key: { kid: string }) => key.kid === kid)?.state;
}

test('no valid token is refused during a key rotation under load with a flood of unknown kids', async () => {
  const stop = new AbortController();
  const answers = new Map<string, Set<string>>();
  const users = await Promise.all(Array.from({ length: 4 }, () => system.person()));
  const busy = Promise.all([
    ...users.map((person) => callOn(person, stop.signal, answers)),
    flood(users[0]!.access, stop.signal),
  ]);
  async function rotate() {
    for (let round = 0; round < rotations; round++) {
      const { json, text } = await system.rest('POST', '/admin/keys:rotate', { token: adminToken, body: {} });
      expect(json.state, text).toBe('pending');
      await expect.poll(() => stateOf(json.kid), { interval: 200 }).toBe('active');
      await expect.poll(() => answers.has(json.kid), { interval: 100 }).toBe(true);
    }
  }
  await Promise.race([rotate(), busy]).finally(() => stop.abort());
  await busy;
  expect(answers.size).toBe(rotations + 1);
  for (const given of answers.values()) expect([...given]).toEqual(['OK']);
});
