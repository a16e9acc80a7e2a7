import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { generateServiceKey } from '#kit/rpc/service-key.ts';
import type { FreshDatabase } from '#kit/testing/postgres.ts';

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
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '8', SIGNET_LOG_FORMAT: 'json', ...environment },
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
    SIGNET_EDGE_PORT: '0',
    SIGNET_AUTH_PORT: '0',
    SIGNET_AUTH_GRPC_PORT: '0',
    SIGNET_USER_PORT: '0',
    SIGNET_METRICS_PORT: '0',
    SIGNET_RATE_LIMIT: '0',
    ...environment,
  });
  const ports = await said((text) => {
    const [, metrics] = /"port":(\d+),"msg":"metrics are shown"/.exec(text) ?? [];
    const shown =
      /edge +http:\S+:(\d+) [^]+auth +http:\S+:(\d+) .+ on (\d+)\n +user +\S+:(\d+) [^]+--list-methods/.exec(text);
    if (!shown) return undefined;
    const [edge, auth, authGrpc, user] = shown.slice(1).map(Number) as [number, number, number, number];
    return { edge, auth, authGrpc, user, metrics: Number(metrics) };
  });
  return { ports, pid: child.pid, output, end, hasEnded: () => child.exitCode !== null || child.signalCode !== null };
}

const started = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** Auth, user and edge, each a process, on one database. */
export interface Fleet {
  readonly edge: string;
  readonly userPort: number;
  readonly processes: { auth: ServiceProcess; user: ServiceProcess; edge: ServiceProcess };
  /** A string that must not turn up in anything that a process writes; checked at `close`. */
  secret(text: string): string;
  /** Starts another auth service on the same database, which nobody is told of. Whoever asked ends it. */
  startReplica(): Promise<ServiceProcess>;
  /** Starts a service again, on the port that it had. */
  restart(name: 'auth' | 'user' | 'edge'): Promise<void>;
  close(): Promise<void>;
}

/** Starts a fleet. */
export async function startFleet(database: FreshDatabase, extra: Record<string, string> = {}): Promise<Fleet> {
  const written: string[] = [];
  const hidden = {
    DATABASE_URL: database.url.reveal(),
    SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
    SIGNET_ADMIN_PASSWORD: 'the admin of the fleet',
  };
  const keys = { user: generateServiceKey(), edge: generateServiceKey() };
  const secrets = new Set([...Object.values(hidden), ...Object.values(keys).map(({ key }) => key.reveal())]);
  const common = { ...hidden, ...extra };
  const authEnv = (port: unknown, grpc: unknown) => ({
    ...common,
    SIGNET_SERVICES: Object.entries(keys)
      .map(([name, { publicKey }]) => `${name}=${publicKey}`)
      .join(),
    SIGNET_AUTH_PORT: String(port),
    SIGNET_AUTH_GRPC_PORT: String(grpc),
  });
  const auth = await startService('auth', authEnv(0, 0));
  const reachAuth = {
    SIGNET_JWKS_URL: `http://127.0.0.1:${String(auth.ready['port'])}/.well-known/jwks.json`,
    SIGNET_AUTH_TARGET: `127.0.0.1:${String(auth.ready['grpc_port'])}`,
  };
  const userEnv = (port: unknown) => ({
    ...common,
    ...reachAuth,
    SIGNET_SERVICE_KEY: keys.user.key.reveal(),
    SIGNET_USER_PORT: String(port),
  });
  const user = await startService('user', userEnv(0));
  const edgeEnv = (port: unknown) => ({
    ...extra,
    ...reachAuth,
    SIGNET_SERVICE_KEY: keys.edge.key.reveal(),
    SIGNET_USER_TARGET: `127.0.0.1:${String(user.ready['port'])}`,
    SIGNET_EDGE_PORT: String(port),
    SIGNET_RATE_LIMIT: '0',
  });
  const edge = await startService('edge', edgeEnv(0));
  const processes = { auth, user, edge };
  return {
    edge: `http://127.0.0.1:${String(edge.ready['port'])}`,
    userPort: Number(user.ready['port']),
    processes,
    secret(text) {
      secrets.add(text);
      return text;
    },
    startReplica: () => startService('auth', authEnv(0, 0)),
    async restart(name) {
      written.push(processes[name].output());
      const { port, grpc_port: grpc } = processes[name].ready;
      const environment = { auth: () => authEnv(port, grpc), user: () => userEnv(port), edge: () => edgeEnv(port) };
      processes[name] = await startService(name, environment[name]());
    },
    async close() {
      const codes = await Promise.all(Object.values(processes).map((one) => one.end('SIGTERM')));
      expect(codes, 'exit codes').toEqual([0, 0, 0]);
      written.push(...Object.values(processes).map((one) => one.output()));
      for (const one of secrets) {
        expect(written.join('\n').includes(one), 'a process wrote a secret').toBe(false);
      }
    },
  };
}
