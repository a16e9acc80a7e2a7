import type { Ground } from '../ground.ts';
import { createUserStore } from './store.ts';

/** Builds what all rooms know of accounts. */
export function buildUsers({ db }: Ground) {
  return { store: createUserStore(db) };
}
