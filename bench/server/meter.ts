// Loaded into a server before its main.ts. Reports the resource usage of the process
// to its parent over IPC, and has no other effect.
import { performance } from 'node:perf_hooks';

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
export type Question = 'usage' | 'memory';

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

process.on('message', (question: Question) => {
  process.send?.(question === 'usage' ? usage() : memory());
});
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
