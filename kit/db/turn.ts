import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { MigrationError } from './migration-error.ts';

/** Default of `patience`, ms. */
export const defaultPatience = 120_000;

/** Pause between tries to be the one that migrates, ms. */
const turnPause = 100;

/**
 * Runs work in a transaction that no other migrator of the schema has at the same time.
 * @param patience timeout of waiting for another one, ms
 * @throws MigrationError after that
 */
export async function inTurn<T>(
  client: Client,
  { schema, patience = defaultPatience }: { readonly schema: string; readonly patience?: number },
  work: () => Promise<T>,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    await client.query('BEGIN');
    try {
      await client.query(`SET LOCAL lock_timeout = ${patience}`);
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      // For this transaction and not for the session: a pooler may keep a session, and with it the lock, after its client
      // has left. Tried and not waited for: an index that is made concurrently waits for all statements that wait.
      const { rows } = await client.query<{ mine: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS mine`,
        [`signet migrations of ${schema}`],
      );
      if (rows[0]?.mine) {
        const result = await work();
        await client.query('COMMIT');
        return result;
      }
      await client.query('ROLLBACK');
    } catch (error) {
      // Fails only if the connection is lost, in which case the server rolls back.
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    if (performance.now() > end) {
      throw new MigrationError(
        `another process is applying migrations of ${schema}. Start this one when it has ended.`,
      );
    }
    await sleep(turnPause);
  }
}
