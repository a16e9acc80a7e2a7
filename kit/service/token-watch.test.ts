import type { ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { invalidToken, refusal, refusalReasonOf } from '#kit/guard/error.ts';
import type { Principal } from '#kit/guard/claims.ts';
import { createTokenWatch } from './token-watch.ts';

/** A watch over tokens that a test ends, and the number of checks. */
function watching() {
  const errors = new Map<string, ConnectError>();
  const checks = new Map<string, number>();
  const watch = createTokenWatch({
    async verify(token) {
      checks.set(token, (checks.get(token) ?? 0) + 1);
      const error = errors.get(token);
      if (error) throw error;
      return {} as Principal;
    },
  });
  return { errors, checks, watch };
}

const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

test('ends a stream when its token becomes invalid, and no other', async () => {
  const { errors, watch } = watching();
  const open = new AbortController();
  const [a, b] = [watch('Bearer a', open.signal), watch('bearer  b', open.signal)];
  const ended = aborted(a);
  errors.set('a', invalidToken('revoked'));
  expect(refusalReasonOf(await ended)).toBe('INVALID_TOKEN');
  expect(b.aborted).toBe(false);
  errors.set('b', invalidToken('expired'));
  expect(refusalReasonOf(await aborted(b))).toBe('INVALID_TOKEN');
  open.abort();
});

test('keeps a stream while keys or revocations are missing', async () => {
  const { errors, checks, watch } = watching();
  const open = new AbortController();
  const signal = watch('Bearer a', open.signal);
  errors.set('a', refusal('KEYS_UNAVAILABLE'));
  await expect.poll(() => checks.get('a')).toBeGreaterThan(1);
  expect(signal.aborted).toBe(false);
  const ended = aborted(signal);
  open.abort(new Error('the client left'));
  expect(String(await ended)).toContain('the client left');
});

test('looks no longer at streams that have ended', async () => {
  const { checks, watch } = watching();
  const [first, second] = [new AbortController(), new AbortController()];
  watch('Bearer first', first.signal);
  watch('Bearer second', second.signal);
  first.abort();
  await expect.poll(() => checks.get('second')).toBeGreaterThan(1);
  expect(checks.has('first')).toBe(false);
  second.abort();
});

test('a call without a token keeps its signal', () => {
  const { watch } = watching();
  const { signal } = new AbortController();
  expect(watch(null, signal)).toBe(signal);
});
