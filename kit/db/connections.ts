import { Client } from 'pg';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { connection } from './database.ts';

/** Connections of a service beside its pool: one for LISTEN, two for its jobs. */
export const besidePool = 3;

/** The connections of a service. */
export interface ConnectionNeeds {
  readonly url: Secret;
  /** Size of its pool. */
  readonly pool: number;
}

/**
 * Checks that each PostgreSQL server allows all connections that services may open together.
 * @throws StartError naming the numbers and the key, if a server allows fewer
 */
export async function assertConnections(services: readonly ConnectionNeeds[]): Promise<void> {
  const servers = Map.groupBy(services, ({ url }) => new URL(url.reveal()).host);
  await Promise.all(
    [...servers.values()].map(async (here) => {
      const needed = here.reduce((sum, { pool }) => sum + pool + besidePool, 0);
      const allowed = await allowedBy(here[0]!.url);
      if (needed > allowed) {
        throw new StartError(
          `${here.length === 1 ? 'the service needs' : `${here.length} services need`} up to ${needed} database connections, and PostgreSQL allows ${allowed}. ` +
            'Lower SIGNET_DATABASE_POOL or raise max_connections.',
        );
      }
    }),
  );
}

/** The connections that a server allows to roles that are not superusers. */
async function allowedBy(url: Secret): Promise<number> {
  const client = new Client(connection(url));
  await client.connect();
  try {
    const { rows } = await client.query<{ allowed: number }>(
      `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS allowed`,
    );
    return rows[0]?.allowed ?? 0;
  } finally {
    await client.end();
  }
}
