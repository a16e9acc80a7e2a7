import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createLog, silentLog } from '#kit/log/log.ts';
import { type Call, currentCall, runInCall } from '#kit/call/call.ts';
import { createMetrics, noMetrics } from '#kit/telemetry/metrics.ts';
import { every, type RunningWork, startWork, type Work } from './work.ts';

let started: RunningWork[] = [];
afterEach(async () => {
  await Promise.all(started.map((one) => one.close()));
  started = [];
});

function start(all: readonly Work[], options: Partial<Parameters<typeof startWork>[1]> = {}): RunningWork {
  const running = startWork(all, { log: silentLog, metrics: noMetrics, ...options });
  started.push(running);
  return running;
}
const hour = 3_600_000;

test('runs once per period, first a period after the start', async () => {
  const began = performance.now();
  const times: number[] = [];
  start([every('count', 40, async () => void times.push(performance.now() - began))]);
  await expect.poll(() => times.length, { interval: 5 }).toBeGreaterThanOrEqual(3);
  expect(times[0]).toBeGreaterThanOrEqual(38);
  expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(76);
});

test('does not overlap runs, and starts the next at once after a run longer than a period', async () => {
  let [atOnce, most, runs] = [0, 0, 0];
  const work = every('slow', 5, async () => {
    most = Math.max(most, (atOnce += 1));
    await setTimeout(30);
    atOnce -= 1;
    runs += 1;
  });
  start([work]);
  for (let count = 0; count < 50; count++) work.wake();
  await expect.poll(() => runs).toBeGreaterThanOrEqual(3);
  expect(most).toBe(1);
});

test('wake runs the work at once; fifty calls during a run cause one more run', async () => {
  const gates: (() => void)[] = [];
  const work = every('woken', hour, () => new Promise<void>((resolve) => void gates.push(resolve)));
  start([work]);
  work.wake();
  expect(gates).toHaveLength(1);
  for (let count = 0; count < 50; count++) work.wake();
  expect(gates).toHaveLength(1);
  gates[0]?.();
  await expect.poll(() => gates.length).toBe(2);
  gates[1]?.();
  await setImmediate();
  expect(gates).toHaveLength(2);
});

test('close aborts the current run, waits for it and starts no other', async () => {
  const steps: string[] = [];
  const work = every('drained', hour, async (signal) => {
    steps.push('begun');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await setTimeout(20);
    steps.push('ended');
  });
  const running = start([work]);
  work.wake();
  work.wake();
  await running.close();
  steps.push('closed');
  work.wake();
  await setTimeout(10);
  expect(steps).toEqual(['begun', 'ended', 'closed']);
});

test('wake before the start has no effect', async () => {
  let runs = 0;
  const work = every('early', hour, async () => void (runs += 1));
  work.wake();
  start([work]);
  await setImmediate();
  expect(runs).toBe(0);
});

test('retries failed work, and logs once when it begins to fail and once when it recovers', async () => {
  const lines: { level: number; msg: string; work: string }[] = [];
  const log = createLog({
    level: 'trace',
    format: 'json',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics();
  const outcomes = ['fail', 'fail', 'throw', 'ok', 'ok', 'fail', 'ok'];
  const work = every('changing', 1, () => {
    const outcome = outcomes.shift();
    if (outcome === 'throw') throw new Error('thrown');
    return outcome === 'fail' ? Promise.reject(new Error('rejected')) : Promise.resolve();
  });
  const running = start([work], { log, metrics: metrics.of('test') });
  await expect.poll(() => outcomes.length).toBe(0);
  await running.close();
  expect(lines.map(({ level, work: name }) => [level, name])).toEqual([
    [40, 'changing'],
    [30, 'changing'],
    [40, 'changing'],
    [30, 'changing'],
  ]);
  const text = await metrics.text();
  expect(text).toContain('signet_work_runs_total{service="test",work="changing",outcome="failed"} 4');
  expect(text).toMatch(/signet_work_duration_seconds_count\{service="test",work="changing"\} \d+/);
  const [, at] = /signet_work_last_success_timestamp_seconds\{service="test",work="changing"\} (\S+)/.exec(text) ?? [];
  expect(Math.abs(Number(at) - Date.now() / 1_000)).toBeLessThan(60);
});

test('an error of a run aborted by close is not a failure', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const work = every('leaving', hour, (signal) => setTimeout(hour, undefined, { signal }));
  const running = start([work], { log });
  work.wake();
  await running.close();
  expect(lines).toEqual([]);
});

test('runs outside any call context, even if a call wakes it', async () => {
  let seen: unknown = 'nothing';
  const work = every('apart', hour, async () => void (seen = currentCall()));
  start([work]);
  runInCall({ requestId: 'r' } as Call, () => work.wake());
  expect(seen).toBeUndefined();
});

test.each([0, -1, Number.NaN, 2 ** 31])('refuses a period of %s ms', (period) => {
  expect(() => every('odd', period, async () => undefined)).toThrow(RangeError);
});

test.each([1, 2 ** 31 - 1])('accepts a period of %s ms', (period) => {
  expect(every('even', period, async () => undefined).period).toBe(period);
});

test('refuses duplicate names', () => {
  const work = () => every('same', hour, async () => undefined);
  expect(() => startWork([work(), work()], { log: silentLog, metrics: noMetrics })).toThrow('"same"');
});
