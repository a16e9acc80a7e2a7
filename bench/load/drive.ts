import { createHistogram, performance } from 'node:perf_hooks';
import type { Load, Work } from './work.ts';

/**
 * Runs work for a time in parallel chains. Each chain completes its last operation,
 * so that all started operations are counted.
 * @throws the first error of any chain
 */
export async function drive(
  work: Work,
  { chains, seconds }: { readonly chains: number; readonly seconds: number },
): Promise<Load> {
  const latencies = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  const { batch = 1 } = work;
  let operations = 0;
  const loopBefore = performance.eventLoopUtilization();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const until = began + seconds * 1_000;

  async function chain(index: number): Promise<void> {
    do {
      const before = performance.now();
      await work.once(index);
      latencies.record(Math.max(1, Math.round((performance.now() - before) * 1_000)));
      operations += batch;
    } while (performance.now() < until);
  }
  await Promise.all(Array.from({ length: chains }, (_, index) => chain(index)));

  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    operations,
    seconds: (performance.now() - began) / 1_000,
    cpu: user + system,
    loop: performance.eventLoopUtilization(loopBefore).utilization,
    p50: latencies.percentile(50) / 1_000 / batch,
    p99: latencies.percentile(99) / 1_000 / batch,
  };
}
