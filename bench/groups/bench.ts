import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createDatabase } from '#kit/db/create-database.ts';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import type { Spec } from '../load/work.ts';
import { type Effort, type Figures, measure } from '../measure/measure.ts';
import { postgresUse } from '../measure/postgres.ts';
import type { Child } from '../server/child.ts';
import type { Place } from '../server/systems.ts';

/** Dependencies of a group of cases. */
export interface Bench {
  /** Creates a folder and an empty database for a group. */
  place(name: string): Promise<Place>;
  /** CPU time of PostgreSQL so far, µs; NaN where it cannot be read. */
  postgresCpu(): number;
  /** Measures servers under load; without servers, measures the load process itself. */
  measure(spec: Spec, servers: readonly Child[], chains: number, shorter?: Partial<Effort>): Promise<Figures>;
}

/** A case and its figures. */
export interface Row {
  readonly name: string;
  readonly figures: Figures;
}

/** A group of cases compared with a baseline. */
export interface Group {
  readonly title: string;
  /** Name of the counted operations: `requests`. */
  readonly operations: string;
  readonly rows: readonly Row[];
  /** Name of the baseline row. */
  readonly baseline: string;
}

/** Figures without a baseline: seconds, MiB. */
export interface Facts {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: number; readonly unit: string }[];
}

/** Warm-up and load of a case, seconds. */
const usual = { warmUp: 2, seconds: 6 };

/** Creates the dependencies of groups on a PostgreSQL server. @param dir the folder for data */
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
    postgresCpu: () => postgresUse(dir)?.cpu ?? Number.NaN,
    measure: (spec, servers, chains, shorter) => measure(spec, servers, { ...usual, ...shorter, chains }, dir),
  };
}
