import { expect, test } from 'vitest';
import { createBound } from './bound.ts';

test('limits the slots of an address, and reuses released slots', () => {
  const bound = createBound({ total: 10, perAddress: 2 });
  const [first, second] = [bound.take('192.0.2.1'), bound.take('192.0.2.1')];
  expect([first, second].every(Boolean)).toBe(true);
  expect(bound.take('192.0.2.1')).toBeUndefined();
  expect(bound.take('192.0.2.2')).toBeDefined();
  first?.();
  // Releasing is idempotent.
  first?.();
  expect(bound.take('192.0.2.1')).toBeDefined();
  expect(bound.take('192.0.2.1')).toBeUndefined();
  expect(bound.size).toBe(3);
});

test('limits the slots of all addresses together', () => {
  const bound = createBound({ total: 3, perAddress: 2 });
  const places = ['192.0.2.1', '192.0.2.2', undefined].map((address) => bound.take(address));
  expect(places.every(Boolean)).toBe(true);
  expect([bound.take('192.0.2.3'), bound.take()]).toEqual([undefined, undefined]);
  places[2]?.();
  expect(bound.take('192.0.2.3')).toBeDefined();
});

test('counts an IPv6 /64 as one address', () => {
  const bound = createBound({ total: 10, perAddress: 1 });
  expect(bound.take('2001:db8::1')).toBeDefined();
  expect(bound.take('2001:db8::2')).toBeUndefined();
  expect(bound.take('2001:db8:0:1::1')).toBeDefined();
});
