import { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { connection } from './database.ts';
import { pinSession } from './session.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Maximum delay before reconnecting, ms. */
const maxWait = 1_000;

/**
 * Listens for database notifications on its own connection. Reconnects if the connection breaks or does not respond (a
 * firewall may drop it without notice to either end).
 * @param heard handlers by channel, which get the payload; also called without one after each connect, for missed
 * notifications
 */
export function listen(options: {
  readonly url: Secret;
  /** `application_name` of the connection (pg_stat_activity). */
  readonly applicationName: string;
  readonly heard: Readonly<Record<string, (payload?: string) => void>>;
  readonly log: Log;
  /** Interval and timeout of checking the connection, ms. Default 5,000. */
  readonly patience?: number;
}): { close(): Promise<void> } {
  const { url, applicationName, heard, log, patience = 5_000 } = options;
  const closing = new AbortController();
  let client: Client | undefined;

  async function connected(): Promise<void> {
    const { promise: broken, reject } = Promise.withResolvers<never>();
    // Prevents an unhandled rejection if it breaks before it is awaited.
    broken.catch(() => undefined);
    client = new Client({
      ...connection(url),
      application_name: applicationName,
      connectionTimeoutMillis: patience,
      query_timeout: patience,
    });
    const current = client;
    const checking = setInterval(() => void current.query('SELECT 1').catch(reject), patience).unref();
    client.on('error', reject);
    client.on('end', () => reject(new Error('the connection ended')));
    client.on('notification', ({ channel, payload }) => heard[channel]?.(payload));
    try {
      // If a client is ended while it connects, its `connect` never settles.
      await Promise.race([client.connect(), broken]);
      await pinSession(client, url);
      for (const channel of Object.keys(heard)) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      for (const catchUp of Object.values(heard)) catchUp();
      await broken;
    } finally {
      clearInterval(checking);
      await end(client);
    }
  }

  /** Ends a connection, with a timeout because the server may not respond. */
  async function end(old: Client): Promise<void> {
    await Promise.race([old.end(), sleep(patience, undefined, { ref: false })]).catch(() => undefined);
  }

  async function keepListening(): Promise<void> {
    for (let wait = 50; !closing.signal.aborted; wait = Math.min(maxWait, wait * 2)) {
      const before = performance.now();
      await connected().catch((error: Error) => {
        if (!closing.signal.aborted) log.warn({ reason: error.message }, 'not receiving database notifications');
      });
      if (performance.now() - before > maxWait) wait = 50;
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  const listening = keepListening();
  return {
    async close() {
      closing.abort();
      if (client) await end(client);
      await listening;
    },
  };
}
