import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Reply } from '../load/main.ts';
import type { Load, Spec } from '../load/work.ts';
import { type Child, flags, pool } from '../server/child.ts';
import type { Usage } from '../server/meter.ts';
import { busyTime } from './machine.ts';
import { postgresUse } from './postgres.ts';

/** Figures of a case. CPU times are µs per operation. */
export interface Figures {
  readonly operations: number;
  readonly seconds: number;
  /** Operations per second. */
  readonly rate: number;
  /** CPU time of all server processes; without servers, of the load generator. */
  readonly cpu: number;
  /** The same by process. */
  readonly by: Readonly<Record<string, number>>;
  /** CPU time of PostgreSQL; null if unavailable. */
  readonly database: number | null;
  /** CPU time of the load generator; 0 without servers. */
  readonly client: number;
  /** Spread of `cpu` between the parts of the case: 0.1 is 10 %. */
  readonly spread: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
  /** Utilization of the busiest of the measured event loops. */
  readonly loop: number;
  /** Utilization of the load generator's event loop; 0 without servers. */
  readonly clientLoop: number;
  /** Busy cores in total. */
  readonly cores: number;
  /** Cores used by unrelated processes: noise. */
  readonly others: number;
}

/** Parts of a case. The median by CPU time is reported, which excludes bursts of other processes. */
const parts = 3;

/** Duration and concurrency of a case. */
export interface Effort {
  /** Seconds. */
  readonly warmUp: number;
  /** Total seconds of the parts. */
  readonly seconds: number;
  readonly chains: number;
}

const main = fileURLToPath(new URL('../load/main.ts', import.meta.url));
const loaders = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of loaders) child.kill('SIGKILL');
});

/**
 * Measures servers under load from another process, after a warm-up.
 * @param servers empty if the load generator does the work itself
 * @param dataDir a parent folder of the database's
 * @throws Error on the first unexpected response
 */
export async function measure(
  spec: Spec,
  servers: readonly Child[],
  effort: Effort,
  dataDir: string,
): Promise<Figures> {
  const loader = startLoader();
  const { chains, warmUp, seconds } = effort;
  const gone = Promise.race(servers.map(({ ended }) => ended));
  const ask = (command: Command) =>
    servers.length > 0 ? Promise.race([loader.ask(command), gone]) : loader.ask(command);
  try {
    await ask({ do: 'open', spec });
    await ask({ do: 'run', chains, seconds: warmUp });
    const all: Figures[] = [];
    for (let part = 0; part < parts; part += 1) {
      const before = await sample(servers, dataDir);
      const { load } = await ask({ do: 'run', chains, seconds: seconds / parts });
      if (!load) throw new Error('no load');
      all.push(figuresOf(servers, load, before, await sample(servers, dataDir)));
    }
    await ask({ do: 'close' });
    return middleOf(all);
  } finally {
    loader.stop();
  }
}

function middleOf(all: readonly Figures[]): Figures {
  const sorted = all.toSorted((one, other) => one.cpu - other.cpu);
  const [lowest, highest] = [sorted[0], sorted.at(-1)];
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!lowest || !middle || !highest) throw new Error('nothing was measured');
  return { ...middle, spread: (highest.cpu - lowest.cpu) / middle.cpu };
}

interface Sample {
  readonly usages: readonly Usage[];
  readonly database: number | undefined;
  readonly busy: number;
  readonly at: number;
}

async function sample(servers: readonly Child[], dataDir: string): Promise<Sample> {
  const usages = await Promise.all(servers.map((server) => server.usage()));
  return { usages, database: postgresUse(dataDir)?.cpu, busy: busyTime(), at: performance.now() };
}

function figuresOf(servers: readonly Child[], load: Load, before: Sample, after: Sample): Figures {
  const { operations, seconds, p50, p99 } = load;
  const each = (total: number) => total / operations;
  const used = servers.map(({ name }, index) => {
    const [from, to] = [before.usages[index], after.usages[index]];
    if (!from || !to) throw new Error(`no usage of ${name}`);
    return { name, cpu: to.cpu - from.cpu, loop: (to.busy - from.busy) / 1_000 / seconds };
  });
  const measured = used.length > 0 ? used : [{ name: 'itself', cpu: load.cpu, loop: load.loop }];
  const cpu = measured.reduce((sum, one) => sum + one.cpu, 0);
  const client = used.length > 0 ? load.cpu : 0;
  const database =
    before.database === undefined || after.database === undefined ? undefined : after.database - before.database;
  const wall = (after.at - before.at) * 1_000;
  const busy = after.busy - before.busy;
  return {
    operations,
    seconds,
    rate: operations / seconds,
    cpu: each(cpu),
    by: Object.fromEntries(measured.map((one) => [one.name, each(one.cpu)])),
    database: database === undefined ? null : each(database),
    client: each(client),
    spread: 0,
    p50,
    p99,
    loop: Math.min(1, Math.max(...measured.map((one) => one.loop))),
    clientLoop: used.length > 0 ? load.loop : 0,
    cores: busy / wall,
    others: Math.max(0, busy - cpu - client - (database ?? 0)) / wall,
  };
}

/** Starts a load generator. */
export function startLoader() {
  const child = spawn(process.execPath, [...flags, main], {
    env: { PATH: process.env['PATH'], ...pool },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  loaders.add(child);
  const ended = once(child, 'exit').then((): never => {
    loaders.delete(child);
    throw new Error('the load generator exited');
  });
  ended.catch(() => undefined);
  return {
    async ask(command: Command): Promise<{ readonly load?: Load }> {
      const answer = once(child, 'message').then(([reply]) => reply as Reply);
      child.send(command);
      const reply = await Promise.race([answer, ended]);
      if ('error' in reply) throw new Error(reply.error);
      return reply;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
