import { getEventListeners } from 'node:events';
import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { callEnded } from './call-ended.ts';
import { openContext } from './context.ts';

const open = (init: Partial<Parameters<typeof openContext>[0]> = {}) =>
  openContext({
    method: EchoService.method.echo,
    protocolName: 'test',
    requestMethod: 'POST',
    url: 'test:/',
    requestHeader: {},
    ...init,
  });

const abortOf = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

test('a call ends at its deadline', async () => {
  const { signal, timeoutMs } = open({ timeoutMs: 20 });
  expect(timeoutMs()).toBeGreaterThan(0);
  expect(await abortOf(signal)).toMatchObject({ code: Code.DeadlineExceeded });
});

test.each([0, -1])('a call whose deadline has passed is over at once: %d ms', (timeoutMs) => {
  expect(reasonOf(open({ timeoutMs }).signal.reason)).toBe('DEADLINE_EXCEEDED');
});

test('a deadline past the longest timer of Node does not end a call at once', async () => {
  const { signal, abort } = open({ timeoutMs: 2 ** 31 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(signal.aborted).toBe(false);
  abort(callEnded);
});

test('a call ends with each of its parents, and with the same reason', () => {
  for (const place of [0, 1]) {
    const parents = [new AbortController(), new AbortController()];
    const { signal } = open({ parents: parents.map((one) => one.signal) });
    parents[place]?.abort(callEnded);
    expect(signal.reason).toBe(callEnded);
    for (const parent of parents) expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
  }
  expect(open({ parents: [AbortSignal.abort(callEnded)] }).signal.reason).toBe(callEnded);
});

test('an ended call keeps its first reason, and leaves no timer and no listener', () => {
  const parent = new AbortController();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const { signal, abort } = open({ timeoutMs: 60_000, parents: [parent.signal] });
  expect(timers()).toBe(before + 1);
  abort(callEnded);
  abort(new Error('later'));
  parent.abort(new Error('later'));
  expect(signal.reason).toBe(callEnded);
  expect([timers(), getEventListeners(parent.signal, 'abort')]).toEqual([before, []]);
});

test('refuses an invalid header', () => {
  expect(() => open({ requestHeader: { 'a b': 'x' } })).toThrow(TypeError);
});
