import { setTimeout } from 'node:timers/promises';
import type { Load, Pace, Spec } from '../load/work.ts';
import type { Child } from '../server/child.ts';
import type { Usage } from '../server/meter.ts';
import { type Loader, startLoader } from './loader.ts';
import { busyTime } from './machine.ts';
import { cpuBetween, type PostgresCpu, postgresCpu } from './postgres.ts';

/** Work, and the servers that do it. */
export interface Case {
  readonly name: string;
  readonly load: Loading;
  /** A second load at the same time. */
  readonly beside?: Loading;
  /** Empty if the load generator does the work itself. */
  readonly servers: readonly Child[];
  /** The database whose backends count as PostgreSQL's CPU time; default: all. */
  readonly database?: string;
  /** Whether the delay of the first server's event loop is measured. */
  readonly delays?: boolean;
}

/** Work, and how many at once do it. */
export interface Loading extends Pace {
  readonly spec: Spec;
}

/** Duration of a group of cases. */
export interface Effort {
  /** Seconds per case before the first round. */
  readonly warmUp: number;
  /** In each round, every case runs once. */
  readonly rounds: number;
  /** Seconds per case and round. */
  readonly seconds: number;
}

/** Figures of a case in a round. CPU times are µs per operation, without what the servers and PostgreSQL use when idle. */
export interface Figures {
  /** Operations per second. */
  readonly rate: number;
  /** CPU time of the servers; without servers, of the load generator. */
  readonly cpu: number;
  /** The same by process. */
  readonly by: Readonly<Record<string, number>>;
  /** CPU time of PostgreSQL; null if unavailable. */
  readonly database: number | null;
  /** CPU time of the load generator; 0 without servers. */
  readonly client: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
  /** 99th percentile of the delay of the first server's event loop, ms; null if not measured. */
  readonly delay: number | null;
  /** Utilization of the busiest of the measured event loops. */
  readonly loop: number;
  /** Utilization of the load generator's event loop; 0 without servers. */
  readonly clientLoop: number;
  /** Busy cores in total. */
  readonly cores: number;
  /** Cores used by unrelated processes: noise. */
  readonly others: number;
}

/** A case with its figures in each round. */
export interface Row {
  readonly name: string;
  readonly rounds: readonly Figures[];
}

/**
 * Measures cases in rounds, each under load from a separate process: A B C, A B C. All servers stay up meanwhile, so
 * that the cases of a round meet the same machine.
 * @param dataDir a parent folder of the database's
 * @param progress called after the warm-up (0) and after each round
 * @throws Error on the first unexpected response
 */
export async function measure(
  cases: readonly Case[],
  { warmUp, rounds, seconds }: Effort,
  dataDir: string,
  progress: (round: number) => void = () => undefined,
): Promise<Row[]> {
  const servers = [...new Set(cases.flatMap((one) => one.servers))];
  const loaders: Loader[] = [];
  const begin = async ({ spec }: Loading) => {
    const loader = startLoader();
    loaders.push(loader);
    await loader.ask({ do: 'open', spec });
    return loader;
  };
  try {
    return await whileRunning(servers, async () => {
      const measured = [];
      for (const one of cases) {
        const [first, second] = [await begin(one.load), one.beside && (await begin(one.beside))];
        const run = async (time: number) => {
          const beside = one.beside && second?.run({ ...one.beside, seconds: time });
          const [load] = await Promise.all([first.run({ ...one.load, seconds: time }), beside]);
          return load;
        };
        measured.push({ one, run, rounds: [] as Figures[] });
      }
      for (const { run } of measured) await run(warmUp);
      const idle = await idleUse(servers, dataDir);
      progress(0);
      for (let round = 1; round <= rounds; round += 1) {
        for (const { one, run, rounds: figures } of measured) {
          if (one.delays) await one.servers[0]?.delay();
          const before = await sample(servers, dataDir);
          const load = await run(seconds);
          const after = await sample(servers, dataDir);
          const delay = one.delays ? ((await one.servers[0]?.delay()) ?? null) : null;
          figures.push({ ...figuresOf(one, load, useBetween(before, after), idle), delay });
        }
        progress(round);
      }
      for (const loader of loaders) await loader.ask({ do: 'close' });
      return measured.map(({ one: { name }, rounds: figures }) => ({ name, rounds: figures }));
    });
  } finally {
    for (const loader of loaders) loader.stop();
  }
}

/** @throws Error when a server ends */
async function whileRunning<T>(servers: readonly Child[], work: () => Promise<T>): Promise<T> {
  const running = work();
  return servers.length > 0 ? Promise.race([running, ...servers.map(({ ended }) => ended)]) : running;
}

interface Sample {
  readonly usages: ReadonlyMap<Child, Usage>;
  readonly postgres: PostgresCpu | undefined;
  readonly busy: number;
  readonly at: number;
}

/** Samples all servers of the cases: those that have no load use CPU time as well, which is not that of others. */
async function sample(servers: readonly Child[], dataDir: string): Promise<Sample> {
  const usages = await Promise.all(servers.map(async (server) => [server, await server.usage()] as const));
  return { usages: new Map(usages), postgres: postgresCpu(dataDir), busy: busyTime(), at: performance.now() };
}

/** What was used in a time. CPU times in µs. */
interface Use {
  /** CPU time of a server. */
  server(child: Child): number;
  /** Busy time of a server's event loop, ms. */
  loop(child: Child): number;
  /** CPU time of all servers. */
  readonly servers: number;
  readonly hasPostgres: boolean;
  /** CPU time of PostgreSQL, 0 if unavailable. Of a database: of its backends, and of what serves all databases. */
  postgres(database?: string): number;
  /** CPU time of the machine. */
  readonly machine: number;
  /** Wall time, µs. */
  readonly time: number;
}

function useBetween(before: Sample, after: Sample): Use {
  const difference = (child: Child, key: keyof Usage) =>
    (after.usages.get(child)?.[key] ?? 0) - (before.usages.get(child)?.[key] ?? 0);
  const [first, last] = [before.postgres, after.postgres];
  return {
    server: (child) => difference(child, 'cpu'),
    loop: (child) => difference(child, 'busy'),
    servers: [...after.usages.keys()].reduce((sum, child) => sum + difference(child, 'cpu'), 0),
    hasPostgres: first !== undefined && last !== undefined,
    postgres: (database) => (first && last ? cpuBetween(first, last, database) : 0),
    machine: after.busy - before.busy,
    time: (after.at - before.at) * 1_000,
  };
}

/** Time without load in which the idle use is measured, ms. */
const idleTime = 2_000;

async function idleUse(servers: readonly Child[], dataDir: string): Promise<Use> {
  const before = await sample(servers, dataDir);
  if (servers.length > 0) await setTimeout(idleTime);
  return useBetween(before, await sample(servers, dataDir));
}

function figuresOf(
  { servers, database }: Case,
  { operations, seconds, p50, p99, cpu: loadCpu, loop: loadLoop }: Load,
  use: Use,
  idle: Use,
): Omit<Figures, 'delay'> {
  /** CPU time beyond that of as much time without load, per operation. */
  const beyondIdle = (read: (from: Use) => number) =>
    Math.max(0, read(use) - (read(idle) * use.time) / idle.time) / operations;
  const hasServers = servers.length > 0;
  const measured = hasServers
    ? servers.map((child) => ({
        name: child.name,
        cpu: beyondIdle(({ server }) => server(child)),
        loop: use.loop(child) / 1_000 / seconds,
      }))
    : [{ name: 'itself', cpu: loadCpu / operations, loop: loadLoop }];
  return {
    rate: operations / seconds,
    cpu: measured.reduce((sum, { cpu }) => sum + cpu, 0),
    by: Object.fromEntries(measured.map(({ name, cpu }) => [name, cpu])),
    database: use.hasPostgres ? beyondIdle(({ postgres }) => postgres(database)) : null,
    client: hasServers ? loadCpu / operations : 0,
    p50,
    p99,
    loop: Math.min(1, Math.max(...measured.map(({ loop }) => loop))),
    clientLoop: hasServers ? loadLoop : 0,
    cores: use.machine / use.time,
    others: Math.max(0, use.machine - use.servers - loadCpu - use.postgres()) / use.time,
  };
}
