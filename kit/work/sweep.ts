import { every, type Work } from './work.ts';

/** A store with rows that expire. */
export interface Swept {
  /** Deletes expired rows. Replicas may run it at the same time. */
  sweep(): Promise<void>;
}

/** Interval of deleting expired rows, ms. */
const sweepEvery = 60_000;

/** Returns work that deletes expired rows of a store once a minute. */
export function sweeping(what: string, store: Swept): Work {
  return every(`delete expired ${what}`, sweepEvery, () => store.sweep());
}
