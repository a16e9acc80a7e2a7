import { ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { openSystem, type Person, type System } from '../system.ts';

/** The rate limit of every user for standard methods. */
const budget = 10;

let system: System;
beforeAll(async () => {
  system = await openSystem({
    env: { SIGNET_RATE_LIMIT: '1000', SIGNET_RATE_LIMIT_USER: String(budget), SIGNET_TRUSTED_PROXIES: '127.0.0.1' },
  });
});
afterAll(() => system.close());

let addresses = 0;
/** An address that no other request uses. */
const fresh = () => `198.51.100.${++addresses}`;

function ask({ access }: Pick<Person, 'access'>) {
  return system.rest('GET', '/users/profile', { token: access, headers: { 'x-forwarded-for': fresh() } });
}

/** Statuses of concurrent requests, each from another address. */
async function statusesOf(person: Pick<Person, 'access'>, count: number): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => ask(person)));
  return answers.map(({ status }) => status);
}

test('fifty concurrent requests of a user from fifty addresses share one limit; other users have their own', async () => {
  const [person, other] = [await system.person(), await system.person()];
  const statuses = await statusesOf(person, 50);
  expect(statuses.filter((status) => status === 200)).toHaveLength(budget);
  expect(statuses.filter((status) => status === 429)).toHaveLength(50 - budget);
  expect((await ask(other)).status).toBe(200);
});

test('serves the request at the limit and refuses the next one, with both limits in the response', async () => {
  const person = await system.person();
  for (let left = budget - 1; left >= 0; left--) {
    const { status, headers } = await ask(person);
    expect(status).toBe(200);
    expect(headers.get('ratelimit-policy')).toBe(`"standard";q=1000;w=60, "user-standard";q=${budget};w=60`);
    expect(headers.get('ratelimit')).toMatch(new RegExp(`^"standard";r=999;t=60, "user-standard";r=${left};t=\\d+$`));
  }
  const { status, headers, json } = await ask(person);
  expect([status, json.code]).toEqual([429, 'RATE_LIMITED']);
  expect(headers.get('ratelimit')).toMatch(/^"standard";r=999;t=60, "user-standard";r=0;t=\d+$/);
  expect(headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/);
});

test('a token with a forged signature does not count for the user in it', async () => {
  const person = await system.person();
  const [head, payload, signature = ''] = person.access.split('.');
  const other = signature.startsWith('A') ? 'B' : 'A';
  const forged = { access: `${head}.${payload}.${other}${signature.slice(1)}` };
  expect(new Set(await statusesOf(forged, 2 * budget))).toEqual(new Set([401]));
  expect(new Set(await statusesOf(person, budget))).toEqual(new Set([200]));
});

test.each<[string, () => Transport]>([
  ['Connect', () => createConnectTransport({ baseUrl: system.edge, httpVersion: '1.1' })],
  ['gRPC-Web', () => createGrpcWebTransport({ baseUrl: system.edge, httpVersion: '1.1' })],
  ['gRPC', () => createGrpcTransport({ baseUrl: system.edge })],
])('a refusal over %s states each limit once', async (_, transport) => {
  const person = await system.person();
  await statusesOf(person, budget);
  const headers = { authorization: `Bearer ${person.access}`, 'x-forwarded-for': fresh() };
  const refused = await createClient(UserService, transport())
    .getProfile({}, { headers })
    .then(() => undefined, ConnectError.from);
  expect(refused?.metadata.get('ratelimit')).toMatch(/^"standard";r=999;t=60, "user-standard";r=0;t=\d+$/);
});
