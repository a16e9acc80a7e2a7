import type { Client } from 'pg';
import { randomBytes } from 'node:crypto';
import type { Secret } from '#kit/log/secret.ts';
import { connectTo } from './database.ts';

/**
 * What is between a URL and PostgreSQL: nothing, a pooler that keeps a server's session for a client until it leaves, or
 * one that gives it to other clients after each transaction.
 */
export type Pooling = 'none' | 'session' | 'transaction';

/** Maximum wait for the pooler, ms. */
const patience = 10_000;

/** Rounds in which two connections look for each other's session. */
const rounds = 5;

/** Finds out what is between a URL and PostgreSQL. Sets nothing in the session. */
export async function poolingOf(url: Secret): Promise<Pooling> {
  const first = await connectTo(url, { pin: false, query_timeout: patience });
  try {
    const process = await processOf(first);
    // A pooler has its own process ids, for cancelling.
    if (process === (first as Client & { readonly processID: number | null }).processID) return 'none';
    const second = await connectTo(url, { pin: false, query_timeout: patience });
    try {
      return (await shareSession(first, process, second)) ? 'transaction' : 'session';
    } finally {
      await second.end();
    }
  } finally {
    await first.end();
  }
}

/**
 * Returns whether a session is given to others between transactions: the second connection gets the session that the first
 * one had, or the first one gets another, because a transaction of the second one or other clients took it.
 */
async function shareSession(first: Client, initial: number, second: Client): Promise<boolean> {
  for (let round = 0; round < rounds; round++) {
    await second.query('BEGIN');
    const taken = await processOf(second);
    const now = taken === initial ? undefined : await processOf(first);
    await second.query('COMMIT');
    if (now !== initial) return true;
  }
  return false;
}

async function processOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ process: number }>('SELECT pg_backend_pid() AS process');
  return rows[0]!.process;
}

/** Returns whether named statements reach the server under their names, where those of other clients could collide. */
export async function passesStatementNames(client: Client): Promise<boolean> {
  const name = `signet_probe_${randomBytes(6).toString('hex')}`;
  await client.query('BEGIN');
  try {
    await client.query({ name, text: 'SELECT 1' });
    const { rowCount } = await client.query('SELECT FROM pg_prepared_statements WHERE name = $1', [name]);
    if (rowCount) await client.query(`DEALLOCATE ${name}`);
    return rowCount !== 0;
  } finally {
    await client.query('ROLLBACK');
  }
}
