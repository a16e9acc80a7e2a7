import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from '#kit/log/log.ts';
import { look, openToAppend, readPlain, replaceFile } from '../plain-files.ts';
import { EmbeddedError } from './account.ts';
import type { Binaries } from './binaries.ts';
import { childOptions, type Cluster } from './cluster.ts';
import type { Home } from './home.ts';
import { disown, isAlive, isPostmaster, livePostmaster, type Postmaster, readPostmaster } from './postmaster.ts';

/** Polling interval while a server starts or stops, ms. */
const interval = 10;
/** Timeout of a start or stop, including crash recovery and the last checkpoint, ms. */
const patience = 60_000;
/** Size above which the log is rotated when the server starts, bytes. */
const logLimit = 10 * 1024 * 1024;

const settings = {
  listen_addresses: '127.0.0.1',
  // TCP only: the path of a socket is limited to 107 bytes, and the working directory may be longer.
  unix_socket_directories: '',
  max_connections: '300',
  shared_buffers: '32MB',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // No statements and details in the log, because they contain values of rows.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

/** Settings for temporary data: no durability. */
const ephemeralSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
};

/** Options of starting a server. */
export interface ServerOptions {
  readonly home: Home;
  readonly cluster: Cluster;
  readonly binaries: Binaries;
  readonly ephemeral: boolean;
  readonly log: Log;
}

/** Waits until the cluster's running server is ready, and returns it; undefined if none runs. */
export async function findServer(cluster: Cluster): Promise<Postmaster | undefined> {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline) {
    const found = livePostmaster(cluster.data);
    if (!found || found.ready) return found;
    await delay(interval);
  }
  throw new EmbeddedError(`the PostgreSQL on ${cluster.data} does not finish starting or stopping.`);
}

/**
 * Starts a server and waits until it accepts connections. It runs in its own session,
 * so that Ctrl-C, which makes this process drain, does not stop the database.
 * @throws EmbeddedError with the last lines of the server's log if it does not start
 */
export async function startServer(options: ServerOptions): Promise<Postmaster> {
  const { home, cluster } = options;
  const stale = readPostmaster(cluster.data);
  if (stale && isAlive(stale.pid) && !isPostmaster(stale.pid, cluster.data)) disown(cluster.data);
  const portFile = path.join(home.dir, 'port');
  let port = Number.parseInt(readPlain(portFile) ?? '', 10) || (await freePort());
  const deadline = Date.now() + patience;
  for (;;) {
    const result = await attempt(options, port, deadline);
    if (typeof result !== 'string') {
      replaceFile(portFile, `${port}\n`);
      return result;
    }
    const retry = Date.now() < deadline;
    if (retry && /could not bind|could not create any TCP/.test(result)) port = await freePort();
    // Children of a killed server take a moment to exit.
    else if (retry && result.includes('pre-existing shared memory block')) await delay(interval * 10);
    else throw new EmbeddedError(`PostgreSQL did not start on ${cluster.data}:\n  ${result}`);
  }
}

/**
 * Stops the server, if it runs, and waits until its process has ended: an immediate
 * shutdown for ephemeral data, otherwise a fast one, which closes connections and
 * writes a checkpoint.
 */
export async function stopServer(options: Omit<ServerOptions, 'log'>): Promise<void> {
  const { home, cluster, binaries, ephemeral } = options;
  const server = livePostmaster(cluster.data);
  if (!server) return;
  const mode = ephemeral ? 'immediate' : 'fast';
  const args = ['stop', '-D', cluster.data, '-m', mode, '-w', '-t', String(patience / 1000), '-s'];
  try {
    await promisify(execFile)(binaries.pgCtl, args, childOptions(home));
  } catch (error) {
    // It may have ended before pg_ctl ran.
    if (isPostmaster(server.pid, cluster.data)) {
      throw new EmbeddedError(`PostgreSQL (process ${server.pid}) did not stop.`, { cause: error });
    }
  }
  while (isPostmaster(server.pid, cluster.data)) await delay(interval);
}

/** Requests a fast shutdown of a running server, without waiting. */
export function interruptServer(cluster: Cluster): void {
  const server = livePostmaster(cluster.data);
  if (server) process.kill(server.pid, 'SIGINT');
}

/** Tries to start the server once. Returns the server, or the last lines of its log. */
async function attempt(options: ServerOptions, port: number, deadline: number): Promise<Postmaster | string> {
  const { home, cluster, binaries, ephemeral } = options;
  const logFile = path.join(home.dir, 'server.log');
  const logStart = rotateLog(logFile);
  const chosen = { ...settings, ...(ephemeral ? ephemeralSettings : {}) };
  const args = Object.entries(chosen).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // The file belongs to root if this process is root: the server writes through the descriptor.
  const output = openToAppend(logFile);
  const child = spawn(binaries.postgres, ['-D', cluster.data, '-p', String(port), ...args], {
    ...childOptions(home),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let ended: string | undefined;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, signal) => (ended = `exit ${code ?? signal}`));
  child.unref();
  for (;;) {
    if (ended !== undefined) return lastLines(logFile, logStart) || ended;
    const found = readPostmaster(cluster.data);
    if (found?.ready && found.pid === child.pid) {
      watch(child, options, logFile);
      return found;
    }
    if (Date.now() > deadline) {
      child.kill('SIGQUIT');
      return `not ready after ${patience / 1000} s\n  ${lastLines(logFile, logStart)}`;
    }
    await delay(interval);
  }
}

/** Logs an unexpected end of the server. */
function watch(child: ChildProcess, { cluster, log }: ServerOptions, logFile: string): void {
  child.on('exit', (code, signal) => {
    if (code !== 0)
      log.error({ code, signal, data: cluster.data, log: logFile }, 'the embedded PostgreSQL ended unexpectedly');
  });
}

/** Rotates a large log. Returns the size of the log. */
function rotateLog(logFile: string): number {
  const size = look(logFile)?.size ?? 0;
  if (size < logLimit) return size;
  renameSync(logFile, `${logFile}.old`);
  return 0;
}

function lastLines(logFile: string, from: number): string {
  const text = readFileSync(logFile).subarray(from).toString().trim();
  return text.split('\n').slice(-8).join('\n  ');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
