import type { Client } from 'pg';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { connectTo } from './database.ts';
import { poolingOf } from './pooler.ts';

/** Connections of a service beside its pool: one for LISTEN, two for its jobs. */
export const besidePool = 3;

/** The connections of a service. */
export interface ConnectionNeeds {
  readonly url: Secret;
  /** URL without a pooler in transaction mode, for the connections beside the pool. Default: `url`. */
  readonly direct?: Secret | undefined;
  /** Size of its pool. */
  readonly pool: number;
}

/** Maximum wait for a connection of a pooler, ms. */
const patience = 5_000;

/**
 * Checks that each PostgreSQL server, or the pooler in front of it, allows all connections that services may open together.
 * @throws StartError naming the numbers and the key, if one allows fewer
 */
export async function assertConnections(services: readonly ConnectionNeeds[]): Promise<void> {
  const needs = services.flatMap(({ url, direct = url, pool }, service) => [
    { url, service, count: pool },
    { url: direct, service, count: besidePool },
  ]);
  const servers = Map.groupBy(needs, ({ url }) => new URL(url.reveal()).host);
  await Promise.all(
    [...servers.values()].map(async (here) => {
      const needed = here.reduce((sum, { count }) => sum + count, 0);
      const { url } = here[0]!;
      const isPooled = (await poolingOf(url)) !== 'none';
      const allowed = isPooled ? await served(here) : await allowedBy(url);
      if (needed <= allowed) return;
      const count = new Set(here.map(({ service }) => service)).size;
      throw new StartError(
        `${count === 1 ? 'the service needs' : `${count} services need`} up to ${needed} database connections, and ` +
          (isPooled
            ? `the connection pooler serves ${allowed}. Lower SIGNET_DATABASE_POOL or raise the pooler's limits (PgBouncer: max_client_conn and, in session mode, default_pool_size).`
            : `PostgreSQL allows ${allowed}. Lower SIGNET_DATABASE_POOL or raise max_connections.`),
      );
    }),
  );
}

/** The connections that a server allows to roles that are not superusers. */
async function allowedBy(url: Secret): Promise<number> {
  const client = await connectTo(url);
  try {
    const { rows } = await client.query<{ allowed: number }>(
      `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS allowed`,
    );
    return rows[0]?.allowed ?? 0;
  } finally {
    await client.end();
  }
}

/** Opens connections through a pooler, which does not report its limits, and counts those that respond. */
async function served(needs: readonly { readonly url: Secret; readonly count: number }[]): Promise<number> {
  const urls = needs.flatMap(({ url, count }) => Array.from({ length: count }, () => url));
  const opened = await Promise.allSettled(urls.map(open));
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  await Promise.all(clients.map((client) => client.end()));
  return clients.length;
}

async function open(url: Secret): Promise<Client> {
  const client = await connectTo(url, { pin: false, connectionTimeoutMillis: patience, query_timeout: patience });
  try {
    await client.query('SELECT 1');
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}
