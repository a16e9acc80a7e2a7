import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** CPU time of a PostgreSQL server so far, µs; resolution 10 ms. */
export interface PostgresCpu {
  /** Of all its processes, including those that have ended. */
  readonly total: number;
  /** Of its running processes, by process id. */
  readonly processes: ReadonlyMap<number, { readonly cpu: number; readonly database: string | undefined }>;
}

/** Length of a clock tick in /proc, µs: always 100 per second, independent of the kernel's rate. */
const tick = 10_000;

/**
 * Reads the CPU time of the PostgreSQL server of a data directory. Undefined without /proc or the permission to read it.
 * @param dir a parent folder of the server's
 */
export function postgresCpu(dir: string): PostgresCpu | undefined {
  const all = processesOf(dir);
  if (!all) return undefined;
  return {
    // The parent's count includes ended processes.
    total: all.reduce((sum, { ticks }) => sum + ticks, all[0]?.childTicks ?? 0) * tick,
    processes: new Map(all.map(({ pid, ticks }) => [pid, { cpu: ticks * tick, database: databaseOf(commandOf(pid)) }])),
  };
}

/**
 * Returns the CPU time between two readings, µs.
 * @param database counts only the backends of this database, and the processes that serve all databases
 */
export function cpuBetween(before: PostgresCpu, after: PostgresCpu, database?: string): number {
  if (database === undefined) return after.total - before.total;
  let sum = 0;
  for (const [pid, one] of after.processes) {
    if (one.database === undefined || one.database === database) sum += one.cpu - (before.processes.get(pid)?.cpu ?? 0);
  }
  return sum;
}

/**
 * Returns the database that the title of a process names: `postgres: <user> <database> <address>(<port>) idle`, or
 * `postgres: autovacuum worker <database>`.
 */
export function databaseOf(title: string): string | undefined {
  const [, backends, vacuums] =
    /^postgres: (?:\S+ (\S+) (?:\[local\]|\S+\(\d+\))(?: |$)|autovacuum worker (\S+))/.exec(title) ?? [];
  return backends ?? vacuums;
}

/** Reads the memory of the PostgreSQL server of a data directory, bytes; shared memory counts once. */
export function postgresMemory(dir: string): number | undefined {
  return processesOf(dir)?.reduce((sum, { pid }) => sum + proportionalSize(pid), 0);
}

/** The processes of the server, its main process first. */
function processesOf(dir: string) {
  if (!existsSync('/proc/self/stat')) return undefined;
  const all = processes();
  const main = all.find(({ pid }) => {
    const [program = '', ...args] = tryRead(`/proc/${pid}/cmdline`).split('\0');
    return /(^|\/)postgres$/.test(program) && args.some((arg) => arg.startsWith(dir));
  });
  return main && [main, ...all.filter(({ parent }) => parent === main.pid)];
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

function commandOf(pid: number): string {
  return tryRead(`/proc/${pid}/cmdline`).split('\0', 1)[0] ?? '';
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
