import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createDatabase } from '#kit/db/create-database.ts';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import { type Case, type Effort, measure, type Row } from '../measure/measure.ts';
import { postgresCpu } from '../measure/postgres.ts';
import type { Child } from '../server/child.ts';
import type { Place } from '../server/systems.ts';
import { ours, type Tree } from '../server/tree.ts';

/** Dependencies of a group of cases. */
export interface Bench {
  /** The folder for data. */
  readonly dir: string;
  /** Creates a folder and an empty database. @param tree whose services start there; default: this one */
  place(name: string, tree?: Tree): Promise<Place>;
  /** CPU time of PostgreSQL so far, µs; NaN where it cannot be read. */
  postgresCpu(): number;
  /** Measures cases in alternating rounds. */
  measure(cases: readonly Case[], effort?: Partial<Effort>): Promise<Row[]>;
}

/** Cases of a kind of work, compared with baselines. */
export interface Group {
  readonly title: string;
  /** Name of the counted operations: `requests`. */
  readonly operations: string;
  readonly rows: readonly Row[];
  /** Names of the baseline rows. */
  readonly baselines: readonly string[];
  /** What is compared: CPU time per operation (default), or the latency at a given rate. */
  readonly compares?: 'cpu' | 'p99';
}

/** Figures without a baseline: seconds, MiB. */
export interface Facts {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: number; readonly unit: string }[];
}

/** A group whose cases of Signet also run on the services of another tree. */
export interface Comparison extends Omit<Group, 'rows'> {
  readonly effort?: Partial<Effort>;
  /** Whether packages of bench/peers are needed for what Signet is compared with. */
  readonly peers?: boolean;
  /** Starts Signet from a tree. */
  start(bench: Bench, tree: Tree): Promise<Started>;
}

/** The cases of a started Signet. */
export interface Started {
  readonly cases: readonly Case[];
  /** Starts what they are compared with. */
  others?(): Promise<readonly Case[]>;
}

/** Measures Signet and what it is compared with. */
export async function compare(bench: Bench, comparison: Comparison): Promise<Group> {
  const { title, operations, baselines, compares = 'cpu', effort } = comparison;
  const { cases, others } = await comparison.start(bench, ours);
  const all = [...cases, ...((await others?.()) ?? [])];
  const rows = await bench.measure(all, effort);
  await stopServers(all);
  return { title, operations, baselines, compares, rows };
}

/** A row of this tree beside the same row of another tree. */
export interface Pair {
  readonly name: string;
  readonly ours: Row;
  readonly theirs: Row;
}

/** Measures Signet of this tree and of another one. */
export async function compareTrees(bench: Bench, { effort, start }: Comparison, other: Tree): Promise<Pair[]> {
  const [mine, theirs] = [await start(bench, ours), await start(bench, other)];
  const both = mine.cases.flatMap((one, index) => [one, theirs.cases[index]!]);
  const rows = await bench.measure(both, effort);
  await stopServers(both);
  return mine.cases.map(({ name }, index) => ({ name, ours: rows[2 * index]!, theirs: rows[2 * index + 1]! }));
}

/** Stops the servers of cases, in the order of the cases. */
async function stopServers(cases: readonly Case[]): Promise<void> {
  for (const server of new Set<Child>(cases.flatMap(({ servers }) => servers))) await server.stop();
}

const usual: Effort = { warmUp: 1.5, rounds: 6, seconds: 1.25 };

/**
 * Creates the dependencies of groups on a PostgreSQL server.
 * @param dir the folder for data
 * @param progress receives how far a measurement is
 */
export function createBench(dir: string, server: EmbeddedServer, progress: (text: string) => void): Bench {
  const adminPassword = randomBytes(18).toString('base64url');
  const masterKey = randomBytes(32).toString('base64');
  let places = 0;
  return {
    dir,
    async place(name, tree = ours) {
      places += 1;
      const database = `bench_${name}_${places}`;
      await createDatabase(server.url('postgres'), database);
      const own = path.join(dir, database);
      await mkdir(own, { recursive: true, mode: 0o711 });
      const environment = {
        DATABASE_URL: server.url(database).reveal(),
        SIGNET_MASTER_KEY: masterKey,
        SIGNET_ADMIN_PASSWORD: adminPassword,
      };
      return { dir: own, database, environment, tree };
    },
    postgresCpu: () => postgresCpu(dir)?.total ?? Number.NaN,
    measure: (cases, effort) =>
      measure(cases, { ...usual, ...effort }, dir, (round) =>
        progress(round === 0 ? `${cases.length} cases:` : String(round)),
      ),
  };
}
