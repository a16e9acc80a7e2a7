import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** What a PostgreSQL server uses, all its processes together. */
export interface ServerUse {
  /** CPU time so far, µs, in steps of 10 ms. */
  readonly cpu: number;
  /** Memory, bytes: what is shared counts once. */
  readonly memory: number;
}

/** Length of a clock tick in /proc, µs: Linux counts 100 a second whatever the kernel's own rate. */
const tick = 10_000;

/**
 * Reads what the PostgreSQL server of a data directory uses. Undefined where the
 * system has no /proc, or nothing of it may be seen.
 * @param dir a folder above the server's own
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
    // What ended has been added to its parent's count.
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
      // The name in parentheses may have spaces in it; what follows is counted from the process's state.
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

/** A process may end while it is looked at. */
function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
