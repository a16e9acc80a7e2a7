import { expect, test } from 'vitest';
import { createMacs } from '../../secrets/rules/master-key.ts';
import { createDeviceTokens } from './device-token.ts';

const keyOf = (byte: number) => new Uint8Array(32).fill(byte);
const macs = createMacs({ refresh: keyOf(1), csrf: keyOf(2), device: keyOf(3) });
const start = Date.UTC(2026, 10, 26);
const day = 24 * 60 * 60 * 1_000;
let now = start;
const tokens = createDeviceTokens(macs, () => now);

test('a token identifies its device to its account for exactly 180 days', () => {
  now = start;
  const token = tokens.issue('ada');
  const device = tokens.verify('ada', token, null);
  expect(device).toMatch(/^[\w-]{22}$/);
  now = start + 180 * day - 1_000;
  expect(tokens.verify('ada', token, null)).toBe(device);
  now = start + 180 * day;
  expect(tokens.verify('ada', token, null)).toBeUndefined();
});

test('renews a token for the same device and otherwise issues one for a new device', () => {
  now = start;
  const device = tokens.verify('ada', tokens.issue('ada'), null);
  now = start + day;
  const renewed = tokens.issue('ada', device);
  now = start + 181 * day - 1_000;
  expect(tokens.verify('ada', renewed, null)).toBe(device);
  expect(tokens.verify('ada', tokens.issue('ada'), null)).not.toBe(device);
});

test('rejects a token issued before the account reset its devices, and accepts a later one', () => {
  now = start;
  const token = tokens.issue('ada');
  expect(tokens.verify('ada', token, new Date(start + 1_000))).toBeUndefined();
  expect(tokens.verify('ada', token, new Date(start + 500))).toBeDefined();
  now = start + 2_000;
  expect(tokens.verify('ada', tokens.issue('ada'), new Date(start + 1_000))).toBeDefined();
});

test('rejects a token of another account, key or server', () => {
  now = start;
  const token = tokens.issue('ada');
  expect(tokens.verify('eve', token, null)).toBeUndefined();
  const others = createDeviceTokens(createMacs({ refresh: keyOf(3), csrf: keyOf(3), device: keyOf(4) }), () => now);
  expect(others.verify('ada', token, null)).toBeUndefined();
});

test('rejects a token with any character altered', () => {
  now = start;
  const token = tokens.issue('ada');
  for (let index = 0; index < token.length; index++) {
    const altered = token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1);
    expect([index, tokens.verify('ada', altered, null)]).toEqual([index, undefined]);
  }
});

test.each([undefined, '', 'sd1', 'sd1...', `sd1.${'A'.repeat(22)}.9999999999.${'A'.repeat(43)}`, 'x'.repeat(100_000)])(
  'rejects malformed tokens',
  (text) => {
    expect(tokens.verify('ada', text, null)).toBeUndefined();
  },
);
