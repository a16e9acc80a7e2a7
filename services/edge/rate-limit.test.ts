import type { DescMethod } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { silentLog } from '#kit/log/log.ts';
import { toGate } from '#kit/call/gate-check.ts';
import { peerKey } from '#kit/call/peer.ts';
import { createRateCounters } from './rate-counters.ts';
import { createRateLimit } from './rate-limit.ts';

const { login, getJwks } = AuthService.method;
const { getProfile } = UserService.method;

function gateOf(perMinute: number) {
  return toGate(
    createRateLimit(createRateCounters({ redisUrl: undefined, perMinute, log: silentLog }), perMinute).gate,
  );
}

function from(address: string, method: DescMethod = getProfile): HandlerContext {
  const values = createContextValues().set(peerKey, { address, via: 'door' });
  return { values, method, responseHeader: new Headers() } as HandlerContext;
}

/** Sends concurrent requests and returns how many pass. */
async function passed(gate: ReturnType<typeof gateOf>, count: number, contextOf: (index: number) => HandlerContext) {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => gate(contextOf(index))));
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(new Set(refused.map(({ reason }) => reasonOf(reason)))).toEqual(new Set(['RATE_LIMITED']));
  return count - refused.length;
}

test('limits fifty concurrent requests of one address in any notation; other addresses are unaffected', async () => {
  const gate = gateOf(10);
  const spellings = ['2001:db8::1', '2001:DB8:0:0:0:0:0:2', '2001:db8::ffff'];
  expect(await passed(gate, 50, (index) => from(spellings[index % 3] ?? ''))).toBe(10);
  await expect(gate(from('2001:db8:0:1::1'))).resolves.toBeUndefined();
});

test('each rate class has a separate limit', async () => {
  const gate = gateOf(12);
  expect(await passed(gate, 50, () => from('192.0.2.1', login))).toBe(4);
  expect(await passed(gate, 50, () => from('192.0.2.1', getProfile))).toBe(12);
  expect(await passed(gate, 150, () => from('192.0.2.1', getJwks))).toBe(120);
});

test('responses and rejections state their rate class and the remaining requests', async () => {
  const gate = gateOf(3);
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
