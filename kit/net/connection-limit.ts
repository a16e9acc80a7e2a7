import type { Socket } from 'node:net';
import type { Log } from '#kit/log/log.ts';
import { type Bounds, createBound } from './bound.ts';

/** Decides on connections as they come. */
export interface ConnectionLimit {
  /** Counts a connection until it closes. False where it is one too many: the caller closes it. */
  admit(socket: Socket): boolean;
}

/** Least time between two lines about connections that were closed, in milliseconds. */
const tellEvery = 10_000;

/**
 * Limits the connections of a process, over all of its ports that share the limit.
 * @param exempt addresses of which only the total counts: a proxy of ours brings everybody's connections
 */
export function createConnectionLimit(
  bounds: Bounds,
  log: Log,
  exempt: (address: string) => boolean = () => false,
): ConnectionLimit {
  const bound = createBound(bounds);
  let closed = 0;
  let toldAt = -Infinity;

  function tell(address: string): void {
    closed += 1;
    if (performance.now() - toldAt < tellEvery) return;
    log.warn({ closed, address, open: bound.size }, 'connections over the limit were closed');
    closed = 0;
    toldAt = performance.now();
  }

  return {
    admit(socket) {
      const { remoteAddress: address = '' } = socket;
      const release = bound.take(exempt(address) ? undefined : address);
      if (!release) {
        tell(address);
        return false;
      }
      socket.once('close', release);
      // It closed before anybody looked at it.
      if (socket.destroyed) release();
      return true;
    },
  };
}
