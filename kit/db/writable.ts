import type { EventEmitter } from 'node:events';
import type { ClientBase, Pool } from 'pg';

/** Lifetime of a cached result, ms. */
const cacheTime = 1_000;
/** Time after a refused write during which the database counts as not writable, ms. The check does not detect a full disk. */
const refusalTime = 5_000;

/** SQLSTATEs of refused writes: read-only, and class 53 (insufficient disk, memory or connections). */
const refusals = /^(25006|53...)$/;

/**
 * Creates a check of whether a pool's database accepts writes. It queries at most once a second for all callers.
 * Conditions that the query does not detect, such as a full disk, come from errors of the service's own statements.
 */
export function createWritable(pool: Pool, clock: () => number = Date.now): () => Promise<boolean> {
  let refusedAt = -Infinity;
  let checkedAt = -Infinity;
  let result: Promise<boolean> | undefined;
  pool.on('connect', (client) => {
    errorsOf(client).on('errorMessage', ({ code }: { readonly code?: string }) => {
      if (refusals.test(code ?? '')) refusedAt = clock();
    });
  });

  async function check(): Promise<boolean> {
    const client = await pool.connect();
    let writable = false;
    try {
      // On for a standby, or if the database, role or URL sets it.
      const { rows } = await client.query<{ writable: boolean }>(
        `SELECT current_setting('transaction_read_only') = 'off' AS writable`,
      );
      writable = rows[0]?.writable === true;
    } finally {
      // Destroyed if not writable: a session keeps its setting, and a new connection may be writable.
      client.release(!writable);
    }
    return writable;
  }

  return async () => {
    const now = clock();
    if (!result || now - checkedAt >= cacheTime) {
      checkedAt = now;
      result = check().catch(() => false);
    }
    return (await result) && clock() - refusedAt >= refusalTime;
  };
}

/** Returns a client's connection, on which pg emits all errors of the server. pg's types do not include it. */
function errorsOf(client: ClientBase): EventEmitter {
  return (client as unknown as { readonly connection: EventEmitter }).connection;
}
