import { createHistogram, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Load, Pace, Work } from './work.ts';

/**
 * Runs work for a time in parallel chains. Each chain completes its last operation,
 * so that all started operations are counted.
 * @throws the first error of any chain
 */
export async function drive(work: Work, { chains, rate, seconds }: Pace & { readonly seconds: number }): Promise<Load> {
  const latencies = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  const { batch = 1 } = work;
  let operations = 0;
  const loopBefore = performance.eventLoopUtilization();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const until = began + seconds * 1_000;

  /** Waits until an operation is due. Returns when it began, or should have begun if the one before took too long. */
  async function beginning(index: number, count: number): Promise<number> {
    if (rate === undefined) return performance.now();
    const due = began + ((count * chains + index) / rate) * 1_000;
    const wait = due - performance.now();
    if (wait <= 0) return due;
    await delay(wait);
    return performance.now();
  }

  async function chain(index: number): Promise<void> {
    for (let count = 0; count === 0 || performance.now() < until; count += 1) {
      const before = await beginning(index, count);
      await work.once(index);
      latencies.record(Math.max(1, Math.round((performance.now() - before) * 1_000)));
      operations += batch;
    }
  }
  await Promise.all(Array.from({ length: chains }, (_, index) => chain(index)));

  const ended = performance.now();
  const { user, system } = process.cpuUsage(cpuBefore);
  work.pause?.();
  return {
    operations,
    seconds: (ended - began) / 1_000,
    cpu: user + system,
    loop: performance.eventLoopUtilization(loopBefore).utilization,
    p50: latencies.percentile(50) / 1_000 / batch,
    p99: latencies.percentile(99) / 1_000 / batch,
  };
}
