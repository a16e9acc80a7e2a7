import type { ClientBase } from 'pg';
import { connection } from '#kit/db/database.ts';
import { pinSession } from '#kit/db/session.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Returns pg-boss's options for a database URL. pg-boss passes `onConnect` on to its pool. */
export function bossConnection(url: Secret) {
  return {
    connectionString: connection(url).connectionString ?? '',
    onConnect: (client: ClientBase) => pinSession(client, url),
  };
}
