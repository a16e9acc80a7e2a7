import { type EmbeddedServer, startEmbedded } from '#kit/db/embedded.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { servicesWithData } from '../services/registry.ts';

/** Starts a PostgreSQL server for one test, with the tables of every service. It stops with the process. */
export async function startOwnServer(): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir: '', log: silentLog, ephemeral: true });
  for (const { name } of servicesWithData) await migrate({ url: server.url(), ...migrationsOf(name), log: silentLog });
  return server;
}
