// Loaded into a server before its main.ts. Reports the resource usage of the process
// to its parent over IPC, and has no other effect.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Resource usage of a process since its start. */
export interface Usage {
  /** CPU time of all its threads, µs. */
  readonly cpu: number;
  /** Busy time of its event loop, ms. */
  readonly busy: number;
}

/** Memory of a process after a garbage collection, bytes. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
  /** Its highest RSS so far. */
  readonly peak: number;
}

/** The longest time in which a process ran no timer. */
export interface Stall {
  /** ms. */
  readonly time: number;
  /** The most CPU time of the main thread between two timers, ms: not extended by other processes. */
  readonly cpu: number;
}

/** A question of the parent. */
export type Question = 'usage' | 'memory' | 'delay' | 'stall';

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpu: user + system, busy: performance.eventLoopUtilization().active };
}

function memory(): Memory {
  const { gc } = globalThis;
  if (!gc) throw new Error('the process was started without --expose-gc');
  gc();
  gc();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed, peak: process.resourceUsage().maxRSS * 1_024 };
}

/** Interval of the timer that measures the delay of the event loop, ms. */
const resolution = 5;

let delays: ReturnType<typeof monitorEventLoopDelay> | undefined;

/**
 * Returns the 99th percentile of the delay of the event loop since the last question, ms, and measures on. The first
 * question begins: before it, the timer does not run.
 */
function delay(): number {
  if (!delays) {
    delays = monitorEventLoopDelay({ resolution });
    delays.enable();
    return 0;
  }
  // The intervals of the timer are recorded: without a delay, they take as long as its resolution.
  const value = Math.max(0, delays.percentile(99) / 1_000_000 - resolution);
  delays.reset();
  return value;
}

let longest: { time: number; cpu: number } | undefined;

/** Returns the longest stall since the last question, and measures on. The first question begins. */
function stall(): Stall {
  if (!longest) watchStalls();
  const { time, cpu } = longest ?? { time: 0, cpu: 0 };
  longest = { time: 0, cpu: 0 };
  return { time, cpu };
}

function watchStalls(): void {
  let last = momentNow();
  setInterval(() => {
    const now = momentNow();
    if (longest) {
      longest.time = Math.max(longest.time, now.at - last.at - resolution);
      longest.cpu = Math.max(longest.cpu, now.cpu - last.cpu);
    }
    last = now;
  }, resolution).unref();
}

/** The time, and the CPU time of the main thread, ms. */
function momentNow() {
  const { user, system } = process.threadCpuUsage();
  return { at: performance.now(), cpu: (user + system) / 1_000 };
}

const answers: Readonly<Record<Question, () => unknown>> = { usage, memory, delay, stall };

process.on('message', (question: Question) => process.send?.(answers[question]()));
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
