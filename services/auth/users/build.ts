import type { Ground } from '../ground.ts';
import { createUserStore } from './store.ts';

/** Builds the room `users`: the account store shared by all rooms. */
export function buildUsers({ statements }: Ground) {
  return { store: createUserStore(statements) };
}
