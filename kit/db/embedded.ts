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

/** Which server to start. */
export interface EmbeddedOptions {
  /** Where its files are kept, in `postgres/`. Not looked at for an ephemeral one. */
  readonly dataDir: string;
  readonly log: Log;
  /** For tests: fast, in the system's temporary folder, gone with this process. */
  readonly ephemeral?: boolean;
  /** As root: where files go that must be in the reach of the server's user. */
  readonly elsewhere?: string;
}

/** A PostgreSQL server of our own. */
export interface EmbeddedServer {
  /** URL of one of its databases; `signet`, which is always there, unless told. */
  readonly url: (database?: string) => Secret;
  /** Stops it and waits until it is gone. Twice is as good as once. */
  readonly stop: () => Promise<void>;
  /** Tells it to stop at once and waits for nothing: for a process that is about to go. */
  readonly interrupt: () => void;
  /** True where a server that was running already goes on, for example after kill -9. */
  readonly reused: boolean;
}

/**
 * Starts a real PostgreSQL from npm packages, on 127.0.0.1 and a port of its
 * own, with a password of its own. One that an earlier process left running is
 * taken over. The caller holds the data directory's lock (lock.ts).
 * @throws EmbeddedError when it can't be had, saying why in the server's own words
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { dataDir, log, ephemeral = false, elsewhere = '/var/lib/signet' } = options;
  const home = ephemeral ? temporaryHome(elsewhere) : openHome(dataDir, elsewhere);
  if (home.account && isShared(home.account)) {
    log.warn(`PostgreSQL runs as ${home.account.name}, as other programs may; docs/operating.md has it run as signet`);
  }
  const endWatch = ephemeral ? watchOver(home) : () => undefined;
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

/** Starts the process that clears an ephemeral server away when we end, kill -9 included. */
function watchOver({ dir, account }: Home): () => void {
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
  // It goes with us anyway, and a broken pipe only says that it went first.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as Socket).unref();
  return () => watcher.stdin.end();
}
