import { expect, test } from 'vitest';
import { joinedHeader } from './raw-headers.ts';

test.each<[string[], string | undefined]>([
  [['Host', 'x', 'Authorization', 'Bearer a'], 'Bearer a'],
  [['AUTHORIZATION', 'Bearer a', 'X-Other', 'b', 'authorization', 'Bearer c'], 'Bearer a, Bearer c'],
  [['authorization', '', 'authorization', 'Bearer c'], ', Bearer c'],
  [['X-Is', 'authorization', 'x', 'y'], undefined],
  [['authorization'], undefined],
  [[], undefined],
])('reads from %j the Authorization header %j', (rawHeaders, found) => {
  expect(joinedHeader(rawHeaders, 'authorization')).toBe(found);
});
