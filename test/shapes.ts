import { fileURLToPath } from 'node:url';
import type { Environment } from '#kit/config/config.ts';
import { callIds } from '#kit/call/call.ts';
import { createLog } from '#kit/log/log.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { openAll, readAll } from '../services/all/open.ts';
import { openFleet, readFleet } from '../services/fleet/open.ts';

declare module 'vitest' {
  interface ProvidedContext {
    shape: Shape;
  }
}

/** How services run: all in one process, which is the tests' own, or each in a process of its own. */
export type Shape = 'one process' | 'fleet';

/** Services that run, and where. */
export interface Opened {
  /** The port that a key sets. */
  port(env: string): number;
  /** What was made for them, and must not be logged. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

/** Opens all services as a shape has them; `written` takes what they log. */
export const open: Record<Shape, (environment: Environment, written: (text: string) => void) => Promise<Opened>> = {
  async 'one process'(environment, written) {
    const closers: (() => unknown)[] = [];
    const log = createLog({ level: 'trace', format: 'json', destination: { write: written }, ids: callIds });
    const all = await openAll(readAll(environment), log, { add: (close) => closers.push(close) }, noNotice);
    return { port: all.port, secrets: [], close: () => closeAll(closers) };
  },

  async fleet(environment, written) {
    const closers: (() => unknown)[] = [];
    const log = createLog({ level: 'trace', format: 'json', destination: { write: written }, ids: callIds });
    const secrets: string[] = [];
    let failed: unknown;
    const given = {
      PATH: process.env['PATH'],
      // One after the other they load the same files: Node need not compile them each time.
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)),
      SIGNET_LOG_LEVEL: 'trace',
      SIGNET_LOG_FORMAT: 'json',
      ...environment,
    };
    readFleet(given);
    const fleet = await openFleet({
      environment: given,
      metricsPort: 0,
      log,
      closing: { add: (close) => closers.push(close) },
      fail: (error) => (failed = error),
      notice: noNotice,
      generateKey() {
        const pair = generateServiceKey();
        secrets.push(pair.key.reveal());
        return pair;
      },
      output: written,
    });
    return {
      port: fleet.port,
      secrets,
      async close() {
        await closeAll(closers);
        if (failed) throw failed;
      },
    };
  },
};

/** Tests know the admin that they configure. */
const noNotice = { take: () => undefined };

async function closeAll(closers: readonly (() => unknown)[]): Promise<void> {
  for (const close of closers.toReversed()) await close();
}
