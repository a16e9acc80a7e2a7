import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import type { AnyService } from '#kit/service/service.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import type { FreshDatabase } from '#kit/testing/postgres.ts';
import { environmentOf, withKeyPairs } from '../services/fleet/environment.ts';
import { type ServiceName, serviceNames, services } from '../services/registry.ts';
import { anyPorts } from './ports.ts';

/** A service that runs in its own process. */
export interface ServiceProcess {
  /** The ready line of the service, with its ports. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** All output so far. */
  output(): string;
  /** Suspends the process for a while (SIGSTOP): its connections stay open, and nothing responds. */
  pause(ms: number): Promise<void>;
  /** Sends a signal and waits for the exit. Returns the exit code, or null when a signal ended the process. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** Starts a process and records its output and exit. */
function run(name: string, environment: Record<string, string>) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', `services/${name}/main.ts`], {
    cwd: root,
    env: { ...childEnvironment, UV_THREADPOOL_SIZE: '8', SIGNET_LOG_FORMAT: 'json', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  const exited = once(child, 'exit').then(([code]) => {
    started.delete(child);
    return code as number | null;
  });
  let output = '';
  return {
    child,
    output: () => output,
    async pause(ms: number): Promise<void> {
      child.kill('SIGSTOP');
      await delay(ms);
      child.kill('SIGCONT');
    },
    end(signal: NodeJS.Signals): Promise<number | null> {
      child.kill(signal);
      return exited;
    },
    /** Resolves with the result of `find` on the output. @throws Error with the output when the process exits first */
    waitFor: <T>(find: (output: string) => T | undefined) =>
      new Promise<T>((resolve, reject) => {
        const read = (chunk: Buffer): void => {
          output += chunk.toString();
          const found = find(output);
          if (found !== undefined) resolve(found);
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
        exited.then((code) => reject(new Error(`${name} ended with ${code}:\n${output}`)), reject);
      }),
  };
}

/** Starts `services/<name>/main.ts` and waits for its ready line, or for another line of its start. */
export async function startService(
  name: string,
  environment: Record<string, string>,
  word: 'is ready' | 'listens' = 'is ready',
): Promise<ServiceProcess> {
  const { waitFor, output, pause, end } = run(name, environment);
  const ready = await waitFor((text) => {
    const line = text.split('\n').find((one) => one.includes(`"msg":"${name} ${word}"`));
    return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
  });
  return { ready, output, pause, end };
}

/** Starts all services in one process, as `npm start` does, on an existing database. Waits for the banner. */
export async function startTogether(database: FreshDatabase, environment: Record<string, string> = {}) {
  const { child, waitFor, output, end } = run('all', {
    DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    ...anyPorts,
    SIGNET_METRICS_PORT: '0',
    SIGNET_RATE_LIMIT: '0',
    SIGNET_RATE_LIMIT_USER: '0',
    ...environment,
  });
  const ports = await waitFor((text) => {
    const [, metrics] = /"port":(\d+),"msg":"serving metrics"/.exec(text) ?? [];
    const shown = /edge +https?:\S+:(\d+) [^]+auth +https?:\S+:(\d+) .+ on (\d+)\n([^]+)--list-methods/.exec(text);
    if (!shown) return undefined;
    const [edge, auth, authGrpc] = shown.slice(1, 4).map(Number) as [number, number, number];
    const others = [...(shown[4] ?? '').matchAll(/^ +(\w+) +localhost:(\d+) +gRPC$/gm)];
    const grpc = new Map([['auth', authGrpc], ...others.map(([, name = '', port]) => [name, Number(port)] as const)]);
    return { edge, auth, grpc, metrics: Number(metrics) };
  });
  return { ports, pid: child.pid, output, end, hasEnded: () => child.exitCode !== null || child.signalCode !== null };
}

const started = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** The ports of a process from its ready line, by configuration key. */
export function portsOf(name: ServiceName, { ready }: ServiceProcess): Record<string, string> {
  const { door, grpc }: AnyService['ports'] = services[name].ports;
  const ports: Record<string, string> = {};
  if (door) ports[door.env] = String(ready['port']);
  if (grpc) ports[grpc.env] = String(ready['grpc_port'] ?? ready['port']);
  return ports;
}

/** One process per service, on one database. */
export interface Fleet {
  readonly edge: string;
  /** Base URL of the auth service's public HTTP port. */
  readonly auth: string;
  readonly userPort: number;
  readonly processes: Record<ServiceName, ServiceProcess>;
  /** A string that no process may write; checked at `close`. */
  secret(text: string): string;
  /** Starts another auth service on the same database. No service knows its address. The caller stops it. */
  startReplica(): Promise<ServiceProcess>;
  /** Restarts a service on its previous ports and waits until it listens. */
  restart(name: ServiceName): Promise<void>;
  close(): Promise<void>;
}

/** A port on which nothing listens. */
export const closedPort = 1;

/**
 * Starts services in order, without a supervisor. The others are away: calls to them fail.
 * @param only the services to start
 */
export async function startFleet(
  database: Pick<FreshDatabase, 'url'>,
  extra: Record<string, string> = {},
  only: readonly ServiceName[] = ['auth', 'user', 'edge'],
): Promise<Fleet> {
  const written: string[] = [];
  const hidden = {
    DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    SIGNET_ADMIN_PASSWORD: 'the admin of the fleet',
  };
  const named = serviceNames.filter((name) => name !== services.auth.name);
  const pairs = Object.fromEntries(named.map((name) => [name, generateServiceKey()]));
  const secrets = new Set([...Object.values(hidden), ...Object.values(pairs).map(({ key }) => key.reveal())]);
  const environment = withKeyPairs(
    { ...hidden, ...anyPorts, SIGNET_RATE_LIMIT: '0', SIGNET_RATE_LIMIT_USER: '0', ...extra },
    pairs,
  );
  const opened = new Map<string, number>();
  const portOf = async (env: string) => opened.get(env) ?? closedPort;

  async function start(
    name: ServiceName,
    ports: Record<string, string> = {},
    word?: 'listens',
  ): Promise<ServiceProcess> {
    const arranged = await environmentOf(name, environment, { pairs, portOf, metricsPort: 0 });
    // Only tests that ask for metrics get them.
    if (extra['SIGNET_METRICS_PORT'] === undefined) delete arranged['SIGNET_METRICS_PORT'];
    return startService(name, { ...arranged, SIGNET_LOG_FORMAT: 'json', ...ports }, word);
  }

  const processes = {} as Record<ServiceName, ServiceProcess>;
  for (const name of only) {
    processes[name] = await start(name);
    for (const [env, port] of Object.entries(portsOf(name, processes[name]))) opened.set(env, Number(port));
  }
  return {
    edge: `http://127.0.0.1:${opened.get(services.edge.ports.door.env)}`,
    auth: `http://127.0.0.1:${opened.get(services.auth.ports.door.env)}`,
    userPort: opened.get(services.user.ports.grpc.env) ?? Number.NaN,
    processes,
    secret(text) {
      secrets.add(text);
      return text;
    },
    startReplica: () => start('auth'),
    async restart(name) {
      written.push(processes[name].output());
      // Auth may be unavailable. The test waits for readiness.
      const word = name === services.auth.name ? undefined : 'listens';
      processes[name] = await start(name, portsOf(name, processes[name]), word);
    },
    async close() {
      const codes = await Promise.all(Object.values(processes).map((one) => one.end('SIGTERM')));
      expect(codes, 'exit codes').toEqual(codes.map(() => 0));
      written.push(...Object.values(processes).map((one) => one.output()));
      for (const one of secrets) {
        expect(written.join('\n').includes(one), 'a process wrote a secret').toBe(false);
      }
    },
  };
}
