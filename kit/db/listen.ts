import { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { connection } from './database.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Longest wait before the next try to connect, ms. */
const longestWait = 1_000;

/**
 * Hears what the database notifies its clients of, on a connection of its own that is made anew whenever it breaks, or
 * does not answer any more: a firewall that drops it tells neither end.
 * @param heard by channel, what to do; also called after each connect, for what was not heard meanwhile
 */
export function listen(options: {
  readonly url: Secret;
  /** What the server's own lists call us. */
  readonly applicationName: string;
  readonly heard: Readonly<Record<string, () => void>>;
  readonly log: Log;
  /** The connection is asked so often, and has so long to answer, ms; 5,000 unless told. */
  readonly patience?: number;
}): { close(): Promise<void> } {
  const { url, applicationName, heard, log, patience = 5_000 } = options;
  const closing = new AbortController();
  let client: Client | undefined;

  async function connected(): Promise<void> {
    const { promise: broken, reject } = Promise.withResolvers<never>();
    // It may break before anybody waits for that.
    broken.catch(() => undefined);
    client = new Client({
      ...connection(url),
      application_name: applicationName,
      connectionTimeoutMillis: patience,
      query_timeout: patience,
    });
    const asked = client;
    const asking = setInterval(() => void asked.query('SELECT 1').catch(reject), patience).unref();
    client.on('error', reject);
    client.on('end', () => reject(new Error('the connection ended')));
    client.on('notification', ({ channel }) => heard[channel]?.());
    try {
      // A client that is ended while it connects never settles its `connect`.
      await Promise.race([client.connect(), broken]);
      for (const channel of Object.keys(heard)) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      for (const catchUp of Object.values(heard)) catchUp();
      await broken;
    } finally {
      clearInterval(asking);
      await end(client);
    }
  }

  /** Says goodbye, to whoever may not hear it. */
  async function end(gone: Client): Promise<void> {
    await Promise.race([gone.end(), sleep(patience, undefined, { ref: false })]).catch(() => undefined);
  }

  async function keepListening(): Promise<void> {
    for (let wait = 50; !closing.signal.aborted; wait = Math.min(longestWait, wait * 2)) {
      const before = performance.now();
      await connected().catch((error: Error) => {
        if (!closing.signal.aborted) log.warn({ reason: error.message }, 'notifications of the database are not heard');
      });
      if (performance.now() - before > longestWait) wait = 50;
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  const over = keepListening();
  return {
    async close() {
      closing.abort();
      if (client) await end(client);
      await over;
    },
  };
}
