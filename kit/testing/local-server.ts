import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Program } from './programs.ts';

/** A server of one test. */
export interface LocalServer {
  readonly port: number;
  /** Stops the server (SIGTERM). */
  stop(): Promise<void>;
  /** Kills the server (SIGKILL). */
  kill(): Promise<void>;
  /** Suspends the server (SIGSTOP): connections stay open, the system accepts new ones, but it does not respond. */
  pause(): void;
  resume(): void;
  /** Starts it again, on the same port, over what it has written. */
  start(): Promise<void>;
  /** Ends the server in any state, and removes its folder. */
  close(): Promise<void>;
}

/** How to start a server. */
export interface ServerProgram {
  readonly program: Program;
  readonly args: (port: number, folder: string) => readonly string[];
  /** What it prints once it is ready. */
  readonly ready: string;
  /** The account that it runs as. Default: that of this process. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Starts a server in a temporary folder. @throws Error if it does not start */
export async function startServer({ program, args, ready, account }: ServerProgram): Promise<LocalServer> {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-server-'));
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
    server = await spawnServer(program, args(port, folder), ready, account);
  };
  await start();
  return {
    port,
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

async function spawnServer(
  { path: file }: Program,
  args: readonly string[],
  ready: string,
  account: ServerProgram['account'],
): Promise<ChildProcess> {
  const as = account && { uid: account.uid, gid: account.gid, cwd: '/' };
  const server = spawn(file ?? '', args, { ...as, stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(server);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(ready)) resolve();
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    server.on('error', reject);
    server.on('exit', () => reject(new Error(`${file} ended before it was ready:\n${output}`)));
  });
  return server;
}

/** Finds a free port. A server must restart on the same one. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
