// Loaded into a server before its own main.ts: answers its parent, over IPC, what
// the process has used. It changes nothing else, and holds nothing up.
import { performance } from 'node:perf_hooks';

/** What a process has used since it began. */
export interface Usage {
  /** CPU time of all its threads, µs. */
  readonly cpu: number;
  /** Milliseconds that its event loop was busy. */
  readonly busy: number;
}

/** What a process holds, bytes, after a garbage collection. */
export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

/** What may be asked. */
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
