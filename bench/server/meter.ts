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
}

/** A question of the parent. */
export type Question = 'usage' | 'memory' | 'delay';

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
  return { rss, heap: heapUsed };
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

const answers: Readonly<Record<Question, () => unknown>> = { usage, memory, delay };

process.on('message', (question: Question) => process.send?.(answers[question]()));
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
