import path from 'node:path';
import type { QueryResultRow } from 'pg';
import { expect } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { dataOf } from '#kit/db/embedded/home.ts';
import { livePostmaster } from '#kit/db/embedded/postmaster.ts';
import { type EmbeddedServer, startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** A PostgreSQL server of one test, which loses nothing when it is killed. */
export interface DurableServer {
  /** The database `signet`. */
  readonly url: Secret;
  /** PostgreSQL's data directory. */
  readonly data: string;
  /** Runs a statement in the database `signet`. */
  query<Row extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends all of its processes at once, without a checkpoint. */
  kill(): Promise<void>;
}

/** A PostgreSQL server of one test whose database can be set back. */
export interface RestorableServer {
  /** The database `signet`, with the tables of every service. */
  readonly url: Secret;
  /** Backs up the state that `restore` restores. Returns its time. */
  mark(): Promise<Date>;
  /** Restores it, at the same address. No service may write meanwhile. */
  restore(): Promise<void>;
  /** Stops the server, and removes its files. */
  close(): Promise<void>;
}

/** Starts a server on a folder, which keeps its password and its port. It ends with this process at the latest. */
export async function startDurableServer(folder: string): Promise<DurableServer> {
  const data = dataOf(path.join(folder, 'postgres'));
  const quit = (): void => {
    const server = livePostmaster(data);
    if (server) process.kill(server.pid, 'SIGQUIT');
  };
  process.on('exit', quit);
  let server: EmbeddedServer;
  async function start(): Promise<void> {
    server = await startEmbedded({ dataDir: folder, log: silentLog });
  }
  await start();
  const url = server!.url();
  return {
    url,
    data,
    async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
      const client = await connectTo(url, { pin: false });
      try {
        return (await client.query<Row>(text, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    start,
    stop: () => server.stop(),
    async kill() {
      quit();
      await expect.poll(() => livePostmaster(data), { interval: 5 }).toBeUndefined();
    },
  };
}
