import { networkOf } from './network.ts';

/** How many of something may be open at once. */
export interface Bounds {
  readonly total: number;
  /** Of one address (IPv6: a /64). */
  readonly perAddress: number;
}

/** Places for what is open at once. */
export interface Bound {
  /** How many are taken. */
  readonly size: number;
  /**
   * Takes a place. Answers how to give it back, which counts once; undefined where
   * none is left. Without an address only the total counts.
   */
  take(address?: string): (() => void) | undefined;
}

/** Creates places, all of them free. */
export function createBound({ total, perAddress }: Bounds): Bound {
  const taken = new Map<string, number>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    take(address) {
      const network = address === undefined ? undefined : networkOf(address);
      const its = network === undefined ? 0 : (taken.get(network) ?? 0);
      if (size >= total || its >= perAddress) return undefined;
      size += 1;
      if (network !== undefined) taken.set(network, its + 1);
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
