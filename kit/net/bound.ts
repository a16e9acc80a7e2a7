import { networkOf } from './network.ts';

/** Limits of concurrent connections or streams. */
export interface Bounds {
  readonly total: number;
  /** Limit per address (IPv6: per /64). */
  readonly perAddress: number;
}

/** A concurrency limiter. */
export interface Bound {
  /** Number of slots in use. */
  readonly size: number;
  /**
   * Takes a slot. Returns a function that releases it (idempotent), or undefined if
   * the limit is reached. Without an address only the total limit applies.
   */
  take(address?: string): (() => void) | undefined;
}

/** Creates a concurrency limiter. */
export function createBound({ total, perAddress }: Bounds): Bound {
  const taken = new Map<string, number>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    take(address) {
      const network = address === undefined ? undefined : networkOf(address);
      const inUse = network === undefined ? 0 : (taken.get(network) ?? 0);
      if (size >= total || inUse >= perAddress) return undefined;
      size += 1;
      if (network !== undefined) taken.set(network, inUse + 1);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        size -= 1;
        if (network === undefined) return;
        const left = (taken.get(network) ?? 1) - 1;
        if (left > 0) taken.set(network, left);
        else taken.delete(network);
      };
    },
  };
}
