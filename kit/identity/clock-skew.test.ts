import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { watchSkew } from './clock-skew.ts';

let lines: string[];
let skew: number;
const stops: (() => void)[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  [lines, skew] = [[], 0];
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.useRealTimers();
});

function watch(time: { now(): number; skew(): number }): void {
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
  stops.push(watchSkew(time, { log, metrics: noMetrics }));
}

/** Lets the clock deviate for three checks. Returns the lines written since. */
function deviate(seconds: number): string[] {
  skew = seconds;
  lines = [];
  vi.advanceTimersByTime(3_000);
  return lines.map((line) => JSON.parse(line).msg);
}

const time = () => ({ now: Date.now, skew: () => skew });

test('logs a deviation of 2 s once, again after it has changed by 2 s, and its end', () => {
  watch(time());
  expect(deviate(1.9)).toEqual([]);
  expect(deviate(2)).toEqual([
    expect.stringMatching(/^this machine's clock is 2\.0 s ahead of the auth service's database/),
  ]);
  expect(deviate(3.9)).toEqual([]);
  expect(deviate(-40)).toEqual([expect.stringMatching(/^this machine's clock is 40\.0 s behind the auth/)]);
  expect(deviate(-1.9)).toEqual(["this machine's clock is right again"]);
});

test('guards that share a time log it once', () => {
  const shared = time();
  watch(shared);
  watch(shared);
  expect(deviate(8)).toHaveLength(1);
});
