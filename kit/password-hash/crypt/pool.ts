import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';

/** A check for a worker thread. */
export interface IteratedCheck {
  readonly algorithm: 'phpass' | 'sha-crypt';
  readonly hash: string;
  readonly password: string;
}

/** How long a worker waits for another check before it ends, ms. */
const idleTimeout = 30_000;

let pool: Promise<Piscina> | undefined;

/**
 * Checks a password on a worker thread: the loops of these algorithms are JavaScript, and would block the event loop.
 * Starts workers when they are needed, at most one a core. They do not keep the process alive.
 */
export async function runIterated(check: IteratedCheck): Promise<boolean> {
  pool ??= openPool();
  return (await (await pool).run(check)) as boolean;
}

async function openPool(): Promise<Piscina> {
  // Loaded with the first such hash: most processes never have one.
  const { Piscina: Pool } = await import('piscina');
  return new Pool({
    filename: new URL('worker.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: availableParallelism(),
    idleTimeout,
    // The flags of the process preload modules that are not for workers.
    execArgv: [],
  });
}
