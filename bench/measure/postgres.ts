import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Resource usage of a PostgreSQL server, all its processes. */
export interface ServerUse {
  /** CPU time so far, µs; resolution 10 ms. */
  readonly cpu: number;
  /** Memory, bytes; shared memory counts once. */
  readonly memory: number;
}

/** Length of a clock tick in /proc, µs: always 100 per second, independent of the kernel's rate. */
const tick = 10_000;

/**
 * Reads the resource usage of the PostgreSQL server of a data directory. Undefined
 * without /proc or the permission to read it.
 * @param dir a parent folder of the server's
 */
export function postgresUse(dir: string): ServerUse | undefined {
  if (!existsSync('/proc/self/stat')) return undefined;
  const main = processes().find(({ pid }) => {
    const [program = '', ...args] = tryRead(`/proc/${pid}/cmdline`).split('\0');
    return /(^|\/)postgres$/.test(program) && args.some((arg) => arg.startsWith(dir));
  });
  if (!main) return undefined;
  const all = processes().filter(({ pid, parent }) => pid === main.pid || parent === main.pid);
  return {
    // The parent's count includes ended processes.
    cpu: all.reduce((sum, one) => sum + one.ticks, main.childTicks) * tick,
    memory: all.reduce((sum, { pid }) => sum + proportionalSize(pid), 0),
  };
}

function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = tryRead(`/proc/${name}/stat`);
      if (stat === '') return [];
      // The name in parentheses may contain spaces; the fields start after it, with the process's state.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [, parent = 0] = fields;
      const at = (index: number) => fields[index] ?? 0;
      return [{ pid: Number(name), parent, ticks: at(11) + at(12), childTicks: at(13) + at(14) }];
    });
}

function proportionalSize(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1_024;
}

/** Reads a file of a process that may end meanwhile. */
function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
