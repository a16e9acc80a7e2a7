import { every, type Work } from './work.ts';

/** A store whose rows expire. */
export interface Swept {
  /** Deletes what has expired. Replicas may do so at the same time: a row is deleted only once. */
  sweep(): Promise<void>;
}

/** How often what has expired is deleted, ms. */
const sweepEvery = 60_000;

/** Work that deletes what has expired in a store, once a minute. */
export function sweeping(what: string, store: Swept): Work {
  return every(`delete expired ${what}`, sweepEvery, () => store.sweep());
}
