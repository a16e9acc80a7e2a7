import type { EventEmitter } from 'node:events';
import type { ClientBase, Pool } from 'pg';

/** An answer is shared for so long, ms: the database hears one question a second, however many ask. */
const shared = 1_000;
/** So long after a refused write the database counts as not writable, ms: the question does not find a full disk. */
const memory = 5_000;

/** SQLSTATEs by which a server that answers refuses writes: read-only, and class 53, out of disk, memory or connections. */
const refusals = /^(25006|53...)$/;

/**
 * Creates the question whether a pool's database takes writes. It is asked at most once a second for all callers. What
 * it cannot see beforehand, such as a full disk, it learns from the errors of the service's own statements.
 */
export function createWritable(pool: Pool, clock: () => number = Date.now): () => Promise<boolean> {
  let refusedAt = -Infinity;
  let asked = -Infinity;
  let answer: Promise<boolean> | undefined;
  pool.on('connect', (client) => {
    errorsOf(client).on('errorMessage', ({ code }: { readonly code?: string }) => {
      if (refusals.test(code ?? '')) refusedAt = clock();
    });
  });

  async function ask(): Promise<boolean> {
    const client = await pool.connect();
    let writable = false;
    try {
      // Off on a standby, and where the database, the role or the URL says so.
      const { rows } = await client.query<{ writable: boolean }>(
        `SELECT current_setting('transaction_read_only') = 'off' AS writable`,
      );
      writable = rows[0]?.writable === true;
    } finally {
      // A session keeps the setting that it began with, and one that failed is of no use: the next may be better.
      client.release(!writable);
    }
    return writable;
  }

  return async () => {
    const now = clock();
    if (!answer || now - asked >= shared) {
      asked = now;
      answer = ask().catch(() => false);
    }
    return (await answer) && clock() - refusedAt >= memory;
  };
}

/** The connection below a client, on which pg emits every error that the server reports. Its types leave it out. */
function errorsOf(client: ClientBase): EventEmitter {
  return (client as unknown as { readonly connection: EventEmitter }).connection;
}
