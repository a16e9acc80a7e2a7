import type { DescMethod } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import type { Principal } from '#kit/guard/claims.ts';
import { identityKey } from '#kit/guard/connect.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Gate } from '#kit/call/app.ts';
import { toGate } from '#kit/call/gate-check.ts';
import { peerKey } from '#kit/call/peer.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { createRateCounters } from './rate-counters.ts';
import { allBudgets, createRateLimit } from './rate-limit.ts';

const { login, getJwks } = AuthService.method;
const { getProfile } = UserService.method;

async function rateLimitOf(perAddress: number, perUser: number) {
  const budgets = allBudgets({ perAddress, perUser });
  return createRateLimit(
    await createRateCounters({ redisUrl: undefined, budgets, log: silentLog, metrics: noMetrics }),
    budgets,
  );
}

async function gateOf(perMinute: number) {
  return toGate((await rateLimitOf(perMinute, 0)).addressGate);
}

/** The gates of both limits, in the edge's order. */
async function bothOf(perAddress: number, perUser: number) {
  const { addressGate, userGate } = await rateLimitOf(perAddress, perUser);
  return async (context: HandlerContext) => {
    await toGate(addressGate)(context);
    await toGate(userGate)(context);
  };
}

/** A call from an address, of a user whose token the guard has verified. */
function from(address: string, method: DescMethod = getProfile, subject?: string): HandlerContext {
  const values = createContextValues().set(peerKey, { address, via: 'door' });
  if (subject) values.set(identityKey, { user: { subject } as Principal });
  return { values, method, responseHeader: new Headers() } as HandlerContext;
}

/** Sends concurrent requests and returns how many pass. */
async function passed(gate: Gate, count: number, contextOf: (index: number) => HandlerContext) {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => gate(contextOf(index))));
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(new Set(refused.map(({ reason }) => reasonOf(reason)))).toEqual(new Set(['RATE_LIMITED']));
  return count - refused.length;
}

test('limits fifty concurrent requests of one address in any notation; other addresses are unaffected', async () => {
  const gate = await gateOf(10);
  const spellings = ['2001:db8::1', '2001:DB8:0:0:0:0:0:2', '2001:db8::ffff'];
  expect(await passed(gate, 50, (index) => from(spellings[index % 3] ?? ''))).toBe(10);
  await expect(gate(from('2001:db8:0:1::1'))).resolves.toBeUndefined();
});

test('each rate class has a separate limit', async () => {
  const gate = await gateOf(12);
  expect(await passed(gate, 50, () => from('192.0.2.1', login))).toBe(4);
  expect(await passed(gate, 50, () => from('192.0.2.1', getProfile))).toBe(12);
  expect(await passed(gate, 150, () => from('192.0.2.1', getJwks))).toBe(120);
});

test('responses and rejections state their rate class and the remaining requests', async () => {
  const gate = await gateOf(3);
  const context = from('192.0.2.1', login);
  await gate(context);
  expect(context.responseHeader.get('ratelimit-policy')).toBe('"credentials";q=1;w=60');
  expect(context.responseHeader.get('ratelimit')).toBe('"credentials";r=0;t=60');
  const error = await gate(from('192.0.2.1', login)).then(
    () => undefined,
    (thrown: { metadata: Headers }) => thrown,
  );
  expect(error?.metadata.get('ratelimit')).toMatch(/^"credentials";r=0;t=(59|60)$/);
  expect(Number(error?.metadata.get('retry-after'))).toBeGreaterThanOrEqual(59);
});

test('limits fifty concurrent requests of one user from two addresses; other users are unaffected', async () => {
  const gates = await bothOf(40, 10);
  const addresses = ['192.0.2.1', '2001:db8::1'];
  expect(await passed(gates, 50, (index) => from(addresses[index % 2] ?? '', getProfile, 'ann'))).toBe(10);
  await expect(gates(from('192.0.2.1', getProfile, 'ben'))).resolves.toBeUndefined();
});

test('the limit of a user has rate classes, too, and does not replace that of the address', async () => {
  expect(await passed(await bothOf(1_000, 12), 50, () => from('192.0.2.1', login, 'ann'))).toBe(4);
  expect(await passed(await bothOf(3, 12), 50, () => from('192.0.2.1', getProfile, 'ann'))).toBe(3);
});

test('a call without a verified user counts for its address only', async () => {
  const gates = await bothOf(100, 1);
  await gates(from('192.0.2.1', getProfile, 'ann'));
  const anonymous = from('192.0.2.1');
  await gates(anonymous);
  await gates(from('192.0.2.1'));
  expect(anonymous.responseHeader.get('ratelimit-policy')).toBe('"standard";q=100;w=60');
});

test('each limit can be off', async () => {
  const context = from('192.0.2.1', getProfile, 'ann');
  const onlyUser = await bothOf(0, 2);
  await onlyUser(context);
  expect(context.responseHeader.get('ratelimit')).toBe('"user-standard";r=1;t=60');
  await onlyUser(from('192.0.2.1', getProfile, 'ann'));
  await expect(onlyUser(from('192.0.2.1', getProfile, 'ann'))).rejects.toThrow(/Too many requests/);
  const onlyAddress = await bothOf(9, 0);
  const other = from('192.0.2.1', getProfile, 'ann');
  await onlyAddress(other);
  expect(other.responseHeader.get('ratelimit-policy')).toBe('"standard";q=9;w=60');
});

test('responses and rejections state the limits of the address and of the user', async () => {
  const gates = await bothOf(9, 1);
  const context = from('192.0.2.1', getProfile, 'ann');
  await gates(context);
  expect(context.responseHeader.get('ratelimit-policy')).toBe('"standard";q=9;w=60, "user-standard";q=1;w=60');
  expect(context.responseHeader.get('ratelimit')).toBe('"standard";r=8;t=60, "user-standard";r=0;t=60');
  const refused = from('192.0.2.1', getProfile, 'ann');
  const error = await gates(refused).then(
    () => undefined,
    (thrown: { metadata: Headers }) => thrown,
  );
  expect(error?.metadata.get('ratelimit')).toMatch(/^"standard";r=7;t=\d+, "user-standard";r=0;t=\d+$/);
  expect(Number(error?.metadata.get('retry-after'))).toBeGreaterThanOrEqual(59);
  // Otherwise an RPC would state them twice.
  expect(refused.responseHeader.has('ratelimit')).toBe(false);
});
