import type { IncomingMessage } from 'node:http';
import type { Log } from '#kit/log/log.ts';
import { trustIn } from './peer-address.ts';

/**
 * Creates a check of requests that warns, once, about a proxy that is not trusted: its clients then count as one, share
 * their limits, and lock each other out.
 * @param networks the trusted proxies
 * @param key the configuration key that lists them
 */
export function createProxyNotice(
  networks: readonly string[],
  key: string,
  log: Log,
): (request: Pick<IncomingMessage, 'headers' | 'socket'>) => void {
  const isTrusted = trustIn(networks);
  let warned = false;
  return ({ headers, socket }) => {
    if (warned || (headers['x-forwarded-for'] === undefined && headers.forwarded === undefined)) return;
    const address = socket.remoteAddress;
    if (address === undefined || isTrusted(address)) return;
    warned = true;
    log.warn(
      { address },
      `a request from ${address} has ${headers['x-forwarded-for'] === undefined ? 'Forwarded' : 'X-Forwarded-For'}, which is ignored: ` +
        `if this is a proxy in front of Signet, add it to ${key}, or all its clients count as one (logged once)`,
    );
  };
}
