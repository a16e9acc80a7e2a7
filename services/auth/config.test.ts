import { expect, test } from 'vitest';
import { maxKeys } from '#kit/guard/jwk.ts';
import { keyTimes } from '#kit/guard/keys.ts';
import { longestTokenLife } from '#kit/guard/verifier.ts';
import { keys } from './config.ts';

const pending = (text: string) => keys.keyPending.schema.safeParse(text);

test('rejects a pending time in which not every verifier can learn a key', () => {
  expect(pending('9999ms').error?.issues[0]?.message).toMatch(/^must be at least 10s/);
  const shortest = pending('10s').data ?? 0;
  // A verifier within its cooldown made its last lookup when every replica already published the key.
  expect(shortest - keyTimes.cooldown).toBeGreaterThanOrEqual(shortest / 4 + shortest / 4);
});

test('rejects a retention of audit events below 30 days', () => {
  const retention = (text: string) => keys.auditRetention.schema.safeParse(text);
  expect(retention('30d').data).toBe(30 * 86_400_000);
  expect(retention('43199m').error?.issues[0]?.message).toBe('must be at least 30d');
});

test('the keys of all valid tokens fit into a JWKS at any rotation interval', () => {
  const signing = Math.ceil(longestTokenLife / (pending('10s').data ?? 1));
  // Including the pending key, the active key and clock skew.
  expect(signing + 3).toBeLessThanOrEqual(maxKeys);
  expect(keys.accessTtl.schema.safeParse(`${longestTokenLife + 1}ms`).success).toBe(false);
});
