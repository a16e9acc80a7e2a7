import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import type { AnyService } from '#kit/service/service.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import type { FreshDatabase } from '#kit/testing/postgres.ts';
import { environmentOf, withKeyPairs } from '../services/fleet/environment.ts';
import { type ServiceName, serviceNames, services } from '../services/registry.ts';
import { anyPorts } from './ports.ts';

/** A service in a process of its own. */
export interface ServiceProcess {
  /** The line by which it said that it is ready: ports among it. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Everything that it wrote. */
  output(): string;
  /** Sends a signal and waits for the end. Answers the exit code; null where the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** A process that is watched: what it writes, and how it ends. */
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
    end(signal: NodeJS.Signals): Promise<number | null> {
      child.kill(signal);
      return exited;
    },
    /** Resolves with what `find` finds in the output. @throws Error with the output where the process ends before */
    said: <T>(find: (output: string) => T | undefined) =>
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

/** Starts `services/<name>/main.ts`, and waits until it says that it is ready, or another word of its start. */
export async function startService(
  name: string,
  environment: Record<string, string>,
  word: 'is ready' | 'listens' = 'is ready',
): Promise<ServiceProcess> {
  const { said, output, end } = run(name, environment);
  const ready = await said((text) => {
    const line = text.split('\n').find((one) => one.includes(`"msg":"${name} ${word}"`));
    return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
  });
  return { ready, output, end };
}

/** Starts what `npm start` starts, all services in one process, on a database that is there; and waits for its banner. */
export async function startTogether(database: FreshDatabase, environment: Record<string, string> = {}) {
  const { child, said, output, end } = run('all', {
    DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    ...anyPorts,
    SIGNET_METRICS_PORT: '0',
    SIGNET_RATE_LIMIT: '0',
    ...environment,
  });
  const ports = await said((text) => {
    const [, metrics] = /"port":(\d+),"msg":"serving metrics"/.exec(text) ?? [];
    const shown = /edge +http:\S+:(\d+) [^]+auth +http:\S+:(\d+) .+ on (\d+)\n([^]+)--list-methods/.exec(text);
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

/** Every service, each a process, on one database. */
export interface Fleet {
  readonly edge: string;
  readonly userPort: number;
  readonly processes: Record<ServiceName, ServiceProcess>;
  /** A string that must not turn up in anything that a process writes; checked at `close`. */
  secret(text: string): string;
  /** Starts another auth service on the same database, which nobody is told of. Whoever asked ends it. */
  startReplica(): Promise<ServiceProcess>;
  /** Starts a service again, on the ports that it had, and waits until it listens. */
  restart(name: ServiceName): Promise<void>;
  close(): Promise<void>;
}

/** Starts a fleet, service by service, without what supervises one. */
export async function startFleet(database: FreshDatabase, extra: Record<string, string> = {}): Promise<Fleet> {
  const written: string[] = [];
  const hidden = {
    DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    SIGNET_ADMIN_PASSWORD: 'the admin of the fleet',
  };
  const named = serviceNames.filter((name) => name !== services.auth.name);
  const pairs = Object.fromEntries(named.map((name) => [name, generateServiceKey()]));
  const secrets = new Set([...Object.values(hidden), ...Object.values(pairs).map(({ key }) => key.reveal())]);
  const environment = withKeyPairs({ ...hidden, ...anyPorts, SIGNET_RATE_LIMIT: '0', ...extra }, pairs);
  const opened = new Map<string, number>();
  const portOf = async (env: string) => opened.get(env) ?? Number.NaN;

  async function start(
    name: ServiceName,
    ports: Record<string, string> = {},
    word?: 'listens',
  ): Promise<ServiceProcess> {
    const arranged = await environmentOf(name, environment, { pairs, portOf, metricsPort: 0 });
    // Of tests, only those that ask for metrics have them.
    if (extra['SIGNET_METRICS_PORT'] === undefined) delete arranged['SIGNET_METRICS_PORT'];
    return startService(name, { ...arranged, SIGNET_LOG_FORMAT: 'json', ...ports }, word);
  }
  /** The ports by which a process said that it is ready, by their keys. */
  function portsOf(name: ServiceName, { ready }: ServiceProcess): Record<string, string> {
    const { door, grpc }: AnyService['ports'] = services[name].ports;
    const ports: Record<string, string> = {};
    if (door) ports[door.env] = String(ready['port']);
    if (grpc) ports[grpc.env] = String(ready['grpc_port'] ?? ready['port']);
    return ports;
  }

  const processes = {} as Record<ServiceName, ServiceProcess>;
  for (const name of serviceNames) {
    processes[name] = await start(name);
    for (const [env, port] of Object.entries(portsOf(name, processes[name]))) opened.set(env, Number(port));
  }
  return {
    edge: `http://127.0.0.1:${opened.get(services.edge.ports.door.env)}`,
    userPort: opened.get(services.user.ports.grpc.env) ?? Number.NaN,
    processes,
    secret(text) {
      secrets.add(text);
      return text;
    },
    startReplica: () => start('auth'),
    async restart(name) {
      written.push(processes[name].output());
      // What it needs of auth may be away: that it can work is for the test to wait for.
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
