import type { Socket } from 'node:net';
import type { Log } from '#kit/log/log.ts';
import { type Bounds, createBound } from './bound.ts';

/** Limits open connections. */
export interface ConnectionLimit {
  /** Counts a connection until it closes. Returns false over the limit; the caller must then close it. */
  admit(socket: Socket): boolean;
}

/** Minimum interval of log lines about closed connections, in milliseconds. */
const logEvery = 10_000;

/**
 * Creates a limit of a process's connections, over all ports that share it.
 * @param exempt returns whether only the total limit applies to an address: trusted proxies have many clients
 */
export function createConnectionLimit(
  bounds: Bounds,
  log: Log,
  exempt: (address: string) => boolean = () => false,
): ConnectionLimit {
  const bound = createBound(bounds);
  let closed = 0;
  let loggedAt = -Infinity;

  function logClosed(address: string): void {
    closed += 1;
    if (performance.now() - loggedAt < logEvery) return;
    log.warn({ closed, address, open: bound.size }, 'connections over the limit were closed');
    closed = 0;
    loggedAt = performance.now();
  }

  return {
    admit(socket) {
      const { remoteAddress: address = '' } = socket;
      const release = bound.take(exempt(address) ? undefined : address);
      if (!release) {
        logClosed(address);
        return false;
      }
      socket.once('close', release);
      // It may have closed already.
      if (socket.destroyed) release();
      return true;
    },
  };
}
