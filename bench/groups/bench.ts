import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createDatabase } from '#kit/db/create-database.ts';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import type { Spec } from '../load/work.ts';
import { type Effort, type Figures, measure } from '../measure/measure.ts';
import type { Child } from '../server/child.ts';
import type { Place } from '../server/systems.ts';

/** What a group of cases stands on. */
export interface Bench {
  /** A folder and an empty database for a group. */
  place(name: string): Promise<Place>;
  /** Puts a load on servers; without one, measures the process that does the work. */
  measure(spec: Spec, servers: readonly Child[], chains: number, shorter?: Partial<Effort>): Promise<Figures>;
}

/** A case and what it cost. */
export interface Row {
  readonly name: string;
  readonly figures: Figures;
}

/** Cases that are held against each other. */
export interface Group {
  readonly title: string;
  /** What is counted: `requests`. */
  readonly operations: string;
  readonly rows: readonly Row[];
  /** The row that the others are held against. */
  readonly baseline: string;
}

/** Figures that have no comparison: seconds, MiB. */
export interface Facts {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: number; readonly unit: string }[];
}

/** Warm-up and load of a case, seconds. */
const usual = { warmUp: 2, seconds: 6 };

/** Makes what groups stand on, over a server whose data is in a folder. */
export function createBench(dir: string, server: EmbeddedServer): Bench {
  const masterKey = randomBytes(32).toString('base64');
  return {
    async place(name) {
      await createDatabase(server.url('postgres'), `bench_${name}`);
      const own = path.join(dir, name);
      await mkdir(own, { recursive: true, mode: 0o711 });
      return {
        dir: own,
        environment: { DATABASE_URL: server.url(`bench_${name}`).reveal(), SIGNET_MASTER_KEY: masterKey },
      };
    },
    measure: (spec, servers, chains, shorter) => measure(spec, servers, { ...usual, ...shorter, chains }, dir),
  };
}
