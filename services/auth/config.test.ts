import { expect, test } from 'vitest';
import { maxKeys } from '#kit/guard/jwk.ts';
import { keyTimes } from '#kit/guard/keys.ts';
import { longestTokenLife } from '#kit/guard/verifier.ts';
import { keys } from './config.ts';

const pending = (text: string) => keys.keyPending.schema.safeParse(text);

test('a key that signs before every verifier can know it cannot be configured', () => {
  expect(pending('9999ms').error?.issues[0]?.message).toMatch(/^must be at least 10s/);
  const shortest = pending('10s').data ?? 0;
  // Whoever met an unknown kid so lately that it does not look again looked when every replica published the key.
  expect(shortest - keyTimes.cooldown).toBeGreaterThanOrEqual(shortest / 4 + shortest / 4);
});

test('the keys of all tokens that may live fit into a key set, however fast they are rotated', () => {
  const signing = Math.ceil(longestTokenLife / (pending('10s').data ?? 1));
  // With the one that is pending, the one that signs, and what clocks are apart.
  expect(signing + 3).toBeLessThanOrEqual(maxKeys);
  expect(keys.accessTtl.schema.safeParse(`${longestTokenLife + 1}ms`).success).toBe(false);
});
