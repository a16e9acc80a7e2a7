import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Log } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { createDatabase } from './create-database.ts';
import { isShared } from './embedded/account.ts';
import { findBinaries } from './embedded/binaries.ts';
import { openCluster, superuser } from './embedded/cluster.ts';
import { type Home, openHome, removeTree, temporaryHome } from './embedded/home.ts';
import { findServer, interruptServer, startServer, stopServer } from './embedded/server.ts';

export { EmbeddedError } from './embedded/account.ts';

/** Options of an embedded server. */
export interface EmbeddedOptions {
  /** Data directory; the server's files are in `postgres/`. Ignored for an ephemeral server. */
  readonly dataDir: string;
  readonly log: Log;
  /** For tests: fast, in a temporary folder, removed when this process ends. */
  readonly ephemeral?: boolean;
  /** If running as root: folder for files that the server's user must be able to access. */
  readonly elsewhere?: string;
}

/** A running embedded PostgreSQL server. */
export interface EmbeddedServer {
  /** Returns the URL of a database. Default: `signet`, which always exists. */
  readonly url: (database?: string) => Secret;
  /** Stops the server and waits until its process has ended. Idempotent. */
  readonly stop: () => Promise<void>;
  /** Requests a fast shutdown without waiting, for a process that is about to exit. */
  readonly interrupt: () => void;
  /** Whether the server was running already, for example after kill -9. */
  readonly reused: boolean;
}

/**
 * Starts PostgreSQL from npm packages, on 127.0.0.1 with a free port and a generated
 * password. Reuses a server that an earlier process left running. The caller must
 * hold the lock of the data directory (lock.ts).
 * @throws EmbeddedError if the server cannot start, with the server's message
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { dataDir, log, ephemeral = false, elsewhere = '/var/lib/signet' } = options;
  const home = ephemeral ? temporaryHome(elsewhere) : openHome(dataDir, elsewhere);
  if (home.account && isShared(home.account)) {
    log.warn(
      `PostgreSQL runs as user ${home.account.name}, which other programs may use too; ` +
        'docs/operating.md explains how to run it as user signet',
    );
  }
  const endWatch = ephemeral ? startWatcher(home) : () => undefined;
  const binaries = await findBinaries(home.account, elsewhere);
  const cluster = await openCluster(home, binaries.initdb, ephemeral);
  const parts = { home, cluster, binaries, ephemeral };
  const running = await findServer(cluster);
  const server = running ?? (await startServer({ ...parts, log }));
  const url = (database = 'signet') =>
    new Secret(`postgres://${superuser}:${cluster.password.reveal()}@127.0.0.1:${server.port}/${database}`);
  await createDatabase(url('postgres'), 'signet');
  log.debug({ home: home.dir, port: server.port, reused: running !== undefined }, 'embedded PostgreSQL ready');
  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    await stopServer(parts);
    if (ephemeral) await removeTree(home.dir, home.account);
    endWatch();
  }
  return {
    url,
    stop() {
      stopping ??= stop();
      return stopping;
    },
    interrupt: () => interruptServer(cluster),
    reused: running !== undefined,
  };
}

/** Starts the process that removes an ephemeral server when this process ends, even by kill -9. */
function startWatcher({ dir, account }: Home): () => void {
  const ids = account ? [String(account.uid), String(account.gid)] : [];
  const watcher = spawn(
    process.execPath,
    [fileURLToPath(new URL('embedded/watcher.ts', import.meta.url)), dir, ...ids],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      windowsHide: true,
    },
  );
  // Ignored: the watcher ends with this process, and a broken pipe only means that it ended earlier.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as Socket).unref();
  return () => watcher.stdin.end();
}
