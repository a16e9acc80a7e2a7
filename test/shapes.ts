import type { Environment } from '#kit/config/config.ts';
import { callIds } from '#kit/call/call.ts';
import { createLog } from '#kit/log/log.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { targetEnv } from '#kit/service/registry.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { createClosing } from '#kit/testing/closing.ts';
import { openAll, readAll } from '../services/all/open.ts';
import { openFleet, readFleet } from '../services/fleet/open.ts';
import { type ServiceName, serviceNames } from '../services/registry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    shape: Shape;
  }
}

/** How services run: all in the process of the tests, or one process per service. */
export type Shape = 'one process' | 'fleet';

/** Running services and their ports. */
export interface Opened {
  /** The port that a configuration key sets. */
  port(env: string): number;
  /** Secrets that were generated for the services and must not be logged. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

/** Passwords are hashed as in production, or at almost no cost. */
export type Hashing = 'real' | 'light';

/** What to open. */
export interface Opening {
  /** The services to open. Others are unavailable. */
  readonly names: readonly ServiceName[];
  readonly hashing: Hashing;
  readonly environment: Environment;
  /** Receives their log output. */
  readonly written: (text: string) => void;
}

/** Far below the configurable minimum. Only the wiring of a test can set it. */
const lightArgon2 = { argon2Memory: 8, argon2Passes: 1 };

/** Opens services in each shape. */
export const open: Record<Shape, (opening: Opening) => Promise<Opened>> = {
  async 'one process'({ names, hashing, environment, written }) {
    const closing = createClosing();
    const log = createLog({ level: 'trace', format: 'json', destination: { write: written }, ids: callIds });
    const configs = readAll(environment);
    const all = await openAll(
      hashing === 'light' ? { ...configs, auth: { ...configs.auth, ...lightArgon2 } } : configs,
      log,
      closing,
      noNotice,
      { only: names },
    );
    return { port: all.port, secrets: [], close: closing.close };
  },

  async fleet({ names, environment, written }) {
    const closing = createClosing();
    const log = createLog({ level: 'trace', format: 'json', destination: { write: written }, ids: callIds });
    const secrets: string[] = [];
    let failed: unknown;
    const given = {
      ...childEnvironment,
      SIGNET_LOG_LEVEL: 'trace',
      SIGNET_LOG_FORMAT: 'json',
      ...unreachable(names),
      ...environment,
    };
    readFleet(given);
    const fleet = await openFleet({
      environment: given,
      metricsPort: 0,
      log,
      closing,
      fail: (error) => (failed = error),
      notice: noNotice,
      generateKey() {
        const pair = generateServiceKey();
        secrets.push(pair.key.reveal());
        return pair;
      },
      output: written,
      only: names,
    });
    return {
      port: fleet.port,
      secrets,
      async close() {
        await closing.close();
        if (failed) throw failed;
      },
    };
  },
};

/** Unreachable addresses for the services that do not run, in case they run elsewhere on this machine. */
function unreachable(names: readonly ServiceName[]): Record<string, string> {
  const others = serviceNames.filter((name) => !names.includes(name));
  return Object.fromEntries(others.map((name) => [targetEnv(name), '127.0.0.1:1']));
}

/** Tests configure the password of the admin, so the notice is not needed. */
const noNotice = { take: () => undefined };
