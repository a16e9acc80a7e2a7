import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { findProgram } from './programs.ts';

/** The server program. Debian package: redis-server. */
export const redisProgram = findProgram('redis-server', 'valkey-server');

/** A Redis or Valkey server of one test, in memory. */
export interface TestRedis {
  readonly port: number;
  readonly url: Secret;
  /** Stops the server (SIGTERM). */
  stop(): Promise<void>;
  /** Kills the server (SIGKILL). */
  kill(): Promise<void>;
  /** Suspends the server (SIGSTOP): connections stay open, the system accepts new ones, but it does not respond. */
  pause(): void;
  resume(): void;
  /** Starts it again, on the same port, empty. */
  start(): Promise<void>;
  /** Ends the server in any state, and removes its folder. */
  close(): Promise<void>;
}

/** Starts a server. @throws Error if it does not start */
export async function startRedis({ password }: { readonly password?: string } = {}): Promise<TestRedis> {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-redis-'));
  let server: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (!server) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
    started.delete(server);
    server = undefined;
  };
  const start = async () => {
    server = await spawnServer(port, folder, password);
  };
  await start();
  return {
    port,
    url: new Secret(`redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`),
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    async close() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const started = new Set<ChildProcess>();
process.on('exit', () => {
  for (const server of started) server.kill('SIGKILL');
});

async function spawnServer(port: number, folder: string, password: string | undefined): Promise<ChildProcess> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    ...(password === undefined ? {} : { requirepass: password }),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn(redisProgram.path ?? '', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(server);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ready to accept connections')) resolve();
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    server.on('error', reject);
    server.on('exit', () => reject(new Error(`Redis ended before it was ready:\n${output}`)));
  });
  return server;
}

/** Finds a free port. Redis cannot choose one itself, and must restart on the same. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
