import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { peerKey } from '#kit/rpc/peer.ts';
import { rateLimitGate } from './rate-limit.ts';

function from(address: string): HandlerContext {
  return { values: createContextValues().set(peerKey, { address, via: 'door' }) } as HandlerContext;
}

test('fifty requests at once of one address pass as often as the limit says, in whatever spelling; others are not touched', async () => {
  const gate = rateLimitGate(10);
  const spellings = ['2001:db8::1', '2001:DB8:0:0:0:0:0:2', '2001:db8::ffff'];
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => gate(from(spellings[index % 3] ?? ''))),
  );
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(refused).toHaveLength(40);
  expect(new Set(refused.map(({ reason }) => reasonOf(reason)))).toEqual(new Set(['RATE_LIMITED']));
  await expect(gate(from('2001:db8:0:1::1'))).resolves.toBeUndefined();
});
